// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/policy"
)

// narrowed cuts flows at either end: to the world where they begin, to db where they end.
const narrowed = `apiVersion: bulkhead.dev/v1alpha1
kind: SegmentationPolicy
metadata: {name: world}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {}}
  egress: [{action: Reject, to: [{cidrs: [192.0.2.0/24, "2001:db8::/64"]}]}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec: {podSelector: {matchLabels: {app: db}}}
---
apiVersion: bulkhead.dev/v1alpha1
kind: SegmentationPolicy
metadata: {name: host}
spec:
  tier: Admin
  priority: 20
  subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}}
  egress: [{action: Deny, to: [{entity: Host}]}]
  ingress: [{action: Deny, from: [{entity: Host}]}]
`

// A flow that runs when it is forbidden is told of as it began, whichever side speaks first.
func TestRecordsOfRunningFlows(t *testing.T) {
	for _, attached := range []string{"bridge", "ptp"} {
		t.Run(attached, func(t *testing.T) {
			t.Parallel()
			w := newWitness(t, newClauseNode(t, attached, false))
			// The forged replies know no sequence numbers.
			w.Sysctl(t, "net/netfilter/nf_conntrack_tcp_be_liberal", "1")
			w.rule(t, load(t, namespaceDocuments))
			flows := w.openAll(t, "80", "shop/web shop/db", "world shop/db", "pay/db shop/db",
				"shop/web world")
			atHost := w.openAll(t, "80", "shop/web host", "host shop/web")
			echoAll(t, "before", flows, nil, patience)
			if got := w.replies(t, flows, patience); got != 16 {
				t.Errorf("before: got %d replies, want all 16", got)
			}
			law := load(t, narrowed+"---\n"+namespaceDocuments)
			w.rule(t, law)
			t.Run("the server speaks", func(t *testing.T) {
				w.take(0)
				w.repliesAreTold(t, law, flows)
			})
			t.Run("the client speaks", func(t *testing.T) {
				w.speak(t, law, append(flows, atHost...))
			})
		})
	}
}

// repliesAreTold sends replies that are all refused.
func (w *witness) repliesAreTold(t *testing.T, law *policy.Set, flows []*openFlow) {
	t.Helper()
	var probes []probe
	for _, f := range flows {
		if f.Protocol != policy.ProtocolSCTP {
			probes = append(probes, f.probe)
		}
	}
	if got := w.replies(t, flows, silence/2); got != 0 {
		t.Errorf("got %d replies through, want none", got)
	}
	messages := asked(w.take(len(probes)))
	records := w.attribute(t, w.history, messages)
	for _, text := range disagreements(law, probes, records) {
		t.Error(text)
	}
	for i := range records {
		if r := &records[i]; r.event.Src != r.Record.Server.Addr {
			t.Errorf("got a packet of the client, want replies: %s", shown(r))
		}
	}
	w.noticesFaults(t, law, probes, messages)
}

// speak sends a line over each flow, which is refused, and so is what TCP sends again.
func (w *witness) speak(t *testing.T, law *policy.Set, flows []*openFlow) {
	t.Helper()
	var probes []probe
	for _, f := range flows {
		probes = append(probes, f.probe)
	}
	w.take(0)
	for _, f := range flows {
		if err := f.conn.Echo(silence / 4); err == nil {
			t.Errorf("%s: got an echo, want the flow refused", f.probe)
		}
	}
	records := w.attribute(t, w.history, asked(w.take(len(probes))))
	for _, text := range disagreements(law, probes, records) {
		t.Error(text)
	}
	for i := range records {
		if r := &records[i].Record; r.Kind != flow.Denied {
			t.Errorf("got %s, want refusals alone", says(r))
		}
	}
}
