// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/nflog"
	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/policy"
)

// services are those of every case; each is sent in both address families.
var recordServices = []string{"tcp/80", "udp/80", "sctp/80", "ping"}

// TestRecords sends packets through the kernel and holds what is told of them to policy.Explain:
// who, whom, why and by which rule, for every kind of policy and all that it can say.
func TestRecords(t *testing.T) {
	for _, attached := range []string{"bridge", "ptp"} {
		t.Run(attached, func(t *testing.T) {
			t.Parallel()
			w := newWitness(t, newClauseNode(t, attached, false))
			for _, c := range recordCases {
				t.Run(c.name, func(t *testing.T) { w.tells(t, c) })
			}
			for _, c := range auditCases {
				t.Run(c.name, func(t *testing.T) { w.tellsBoth(t, c) })
			}
			w.cutOff("shop/web")
			for _, c := range cutOffCases {
				t.Run(c.name, func(t *testing.T) { w.tells(t, c) })
			}
		})
	}
}

// cutOff puts an endpoint in quarantine, as a new value: the old one may be part of rules.
func (n *node) cutOff(name string) {
	for i, e := range n.endpoints {
		if e.Namespace+"/"+e.Name == name {
			changed := *e.Endpoint
			changed.Quarantine = &policy.Quarantine{}
			n.endpoints[i].Endpoint = &changed
		}
	}
}

// probes are those of a flow by all services, with the endpoints as they are now.
func (w *witness) probes(t testing.TB, flow string, services ...string) []probe {
	t.Helper()
	var out []probe
	for _, service := range services {
		for _, r := range readRow(t, flow, fmt.Sprint(flow, " ", service, " -")) {
			for _, party := range []*policy.Party{&r.probe.From, &r.probe.To} {
				if party.Endpoint != nil {
					party.Endpoint = w.present(party.Endpoint)
				}
			}
			out = append(out, r.probe)
		}
	}
	return out
}

func (w *witness) present(e *policy.Endpoint) *policy.Endpoint {
	for _, now := range w.endpoints {
		if now.ID == e.ID {
			return now.Endpoint
		}
	}
	return e
}

func (w *witness) tells(t *testing.T, c recordCase) {
	law := load(t, c.documents+namespaceDocuments)
	w.rule(t, law)
	records := w.told(t, law, w.probes(t, c.flow, recordServices...))
	for i := range records {
		if got := says(&records[i].Record); !slices.Contains(c.want, got) {
			t.Errorf("got a record that says\n%s, want one of\n%s", got, strings.Join(c.want, "\n"))
		}
	}
}

// tellsBoth is about a policy in Audit, and enforced.
func (w *witness) tellsBoth(t *testing.T, c auditCase) {
	for _, mode := range []string{"Audit", "Enforce"} {
		law := load(t, c.in(mode))
		w.rule(t, law)
		from, _, _ := strings.Cut(c.flow, " tcp")
		records := w.told(t, law, w.probes(t, from, "tcp/80"))
		if silent := strings.Contains(c.reason, "silent"); silent != (len(records) == 0) {
			t.Errorf("%s: got %d records, silent: %v", mode, len(records), silent)
		}
	}
}

// told sends probes and returns what is told of them, which must be as the law explains it, and
// of as many packets and bytes as the kernel counts.
func (w *witness) told(t *testing.T, law *policy.Set, probes []probe) []told {
	t.Helper()
	w.take(0)
	before := w.counts(t)
	check(t, "probes", w.probeAll(law.Evaluate, probes))
	least := 0
	for _, p := range probes {
		least += len(demanded(law, p.Flow))
	}
	all := w.take(least)
	w.balances(t, before, w.counts(t), w.attribute(t, w.history, all))
	messages := asked(slices.Clone(all))
	records := w.attribute(t, w.history, messages)
	for _, text := range disagreements(law, probes, records) {
		t.Error(text)
	}
	w.noticesFaults(t, law, probes, messages)
	return records
}

// asked are the messages about what somebody was asked to send. By themselves links look for
// routers and neighbours, now and then, from their link-local addresses.
func asked(messages []nflog.Message) []nflog.Message {
	return slices.DeleteFunc(messages, func(m nflog.Message) bool {
		p, _ := m.Decode()
		return p.Src.IsLinkLocalUnicast()
	})
}

// background is the word for what links look for by themselves, at any moment.
const background = "untracked"

// balances holds the sums of records to the kernel's counters: no packet is told under another
// counter than its own, and its length is as the kernel counts it.
func (w *witness) balances(t *testing.T, before, after map[flow.Counter]nft.Count,
	records []told) {
	t.Helper()
	sums := map[flow.Counter]nft.Count{}
	for i := range records {
		r := &records[i].Record
		sum := sums[r.Counter]
		sums[r.Counter] = nft.Count{Packets: sum.Packets + r.Packets, Bytes: sum.Bytes + r.Bytes}
	}
	for c, v := range after {
		grown := nft.Count{Packets: v.Packets - before[c].Packets, Bytes: v.Bytes - before[c].Bytes}
		if sum := sums[c]; sum != grown && !c.Silent() && c.Word != background {
			t.Errorf("%s %s: got records of %d packets with %d bytes, the kernel counted %d with %d",
				c.Family, c.Name(), sum.Packets, sum.Bytes, grown.Packets, grown.Bytes)
		}
		delete(sums, c)
	}
	delete(sums, flow.Counter{Family: "ip6", Word: background})
	for c := range sums {
		t.Errorf("%s %s: got records of a counter that the kernel does not have", c.Family, c.Name())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lost != (nflog.Loss{}) {
		t.Errorf("log: got %+v lost, want nothing", w.lost)
	}
}
