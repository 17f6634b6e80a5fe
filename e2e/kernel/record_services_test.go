// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"net/netip"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
	"github.com/bulkhead-net/bulkhead/policy"
)

// TestRecordsOfPublishedPorts connects to ports of the node behind which a proxy stands: what is
// refused is told of the endpoint that is published, by its own port.
func TestRecordsOfPublishedPorts(t *testing.T) {
	for _, attached := range []string{"bridge", "ptp"} {
		t.Run(attached, func(t *testing.T) {
			t.Parallel()
			w := newWitness(t, newClauseNode(t, attached, false))
			w.publish("shop/web", 8000, 80)
			w.published(t, networkPolicy("web", "", ofWeb), policy.Ingress)
			w.published(t, networkPolicy("api", "", "policyTypes: [Egress], "+
				"podSelector: {matchLabels: {app: api}}"), policy.Egress)
		})
	}
}

// publish relays a port of the node's own addresses to an endpoint, as far as the rules know.
func (w *witness) publish(name string, host, port uint16) {
	for i, e := range w.endpoints {
		if e.Namespace+"/"+e.Name != name {
			continue
		}
		local := *e.Local
		for _, a := range castHost {
			local.Published = append(local.Published, compile.Published{
				Host: netip.AddrPortFrom(ip(a), host), Protocol: policy.ProtocolTCP, Port: port})
		}
		w.endpoints[i].Local = &local
	}
}

func (w *witness) published(t *testing.T, document string, by policy.Direction) {
	t.Helper()
	law := load(t, document+namespaceDocuments)
	w.rule(t, law)
	for _, v6 := range []bool{false, true} {
		w.take(0)
		api, host := partyNamed(t, "", "shop/api", v6), partyNamed(t, "", "host2", v6)
		web := partyNamed(t, "", "shop/web", v6)
		check(t, "published", w.probeAll(refuses, []probe{{policy.Flow{From: api, To: host,
			Protocol: policy.ProtocolTCP, Port: 8000}}}))
		records := w.attribute(t, w.history, asked(w.take(1)))
		if len(records) == 0 {
			t.Errorf("%s of %s: got no record", by, web.Addr)
		}
		want := law.EvaluateDirection(by, policy.Flow{From: api, To: web,
			Protocol: policy.ProtocolTCP, Port: 80})
		for i := range records {
			r := &records[i].Record
			if r.Client.ID != api.Endpoint.ID || r.Server.ID != web.Endpoint.ID || r.Server.Host ||
				r.Port != 80 || r.Direction != by || records[i].Disagrees || r.Why != want.Why {
				t.Errorf("got %s: %s, want api's refusal by web: %s", shown(&records[i]), r.Why,
					want.Why)
			}
			if r.Kind != flow.Denied || len(r.Isolating) != 1 {
				t.Errorf("got %s, want a default deny", says(r))
			}
		}
	}
}

// refuses is the law of what is dropped.
func refuses(policy.Flow) policy.Decision { return policy.Decision{Action: policy.Deny} }

// TestRecordsOfIsolatedPorts: both ends are named, and the client's is the subject.
func TestRecordsOfIsolatedPorts(t *testing.T) {
	w := newWitness(t, newClauseNode(t, "bridge", false))
	for i, e := range w.endpoints {
		local := *e.Local
		local.Isolated = true
		w.endpoints[i].Local = &local
	}
	w.rule(t, load(t, namespaceDocuments))
	for _, v6 := range []bool{false, true} {
		w.take(0)
		api, web := partyNamed(t, "", "shop/api", v6), partyNamed(t, "", "shop/web", v6)
		ns := w.namespaceOf(api)
		// By way of the node: the bridge's own isolation is not what this is about.
		gate := w.nextHop(t, api, partyNamed(t, "", "world", v6))
		ns.SendRaw(t, "eth0", testnet.IPFrame(gate, ns.MAC(t, "eth0"),
			testnet.UDP(at(api.Addr, 5000), at(web.Addr, 80), []byte("x"))))
		records := w.attribute(t, w.history, asked(w.take(1)))
		if len(records) != 1 {
			t.Errorf("%s: got %d records, want 1", api.Addr, len(records))
		}
		for i := range records {
			r := &records[i]
			if r.Record.Reason != flow.ReasonIsolated || r.Record.Client.ID != "shop/api/eth0" ||
				r.Record.Server.ID != "shop/web/eth0" || r.Key.Subject != "shop/api/eth0" {
				t.Errorf("got %s of %s, want api's, isolated from web", shown(r), r.Key.Subject)
			}
		}
	}
}
