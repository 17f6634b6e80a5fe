// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/nflog"
	"github.com/bulkhead-net/bulkhead/policy"
)

// recordFaults are mistakes that an agent could make, in what it reads or in what it knows.
var recordFaults = map[string]func(m *nflog.Message, s *flow.Snapshot){
	"the other question": func(m *nflog.Message, _ *flow.Snapshot) {
		m.Prefix = strings.NewReplacer("egress", "ingress", "ingress", "egress", "to-host",
			"from-host", "from-host", "to-host").Replace(m.Prefix)
	},
	"the ends changed": func(m *nflog.Message, _ *flow.Snapshot) {
		m.InDev, m.OutDev, m.PhysIn, m.PhysOut = m.OutDev, m.InDev, m.PhysOut, m.PhysIn
		m.Payload = turned(m.Payload)
	},
	noPolicies:     func(_ *nflog.Message, s *flow.Snapshot) { s.Policies = &policy.Set{} },
	"no endpoints": func(_ *nflog.Message, s *flow.Snapshot) { s.Index = flow.NewIndex(nil) },
	"the groups of others": func(_ *nflog.Message, s *flow.Snapshot) {
		s.Groups = map[string]flow.Groups{}
	},
}

const noPolicies = "no policies"

func byQuarantine(law *policy.Set, p probe) bool {
	return law.Evaluate(p.Flow).Reason == policy.ReasonQuarantine
}

// turned has the addresses of an IP packet in each other's place.
func turned(b []byte) []byte {
	out := slices.Clone(b)
	from, n := 12, 4
	if b[0]>>4 == 6 {
		from, n = 8, 16
	}
	copy(out[from:], b[from+n:from+2*n])
	copy(out[from+n:], b[from:from+n])
	return out
}

// noticesFaults shows that the comparison would see each mistake in these very packets.
func (w *witness) noticesFaults(t *testing.T, law *policy.Set, probes []probe,
	messages []nflog.Message) {
	t.Helper()
	if len(messages) == 0 {
		return
	}
	for name, fault := range recordFaults {
		if name == noPolicies && byQuarantine(law, probes[0]) {
			continue // which is no policy's
		}
		wrong := *w.history.Now()
		faulty := slices.Clone(messages)
		for i := range faulty {
			fault(&faulty[i], &wrong)
		}
		h := flow.NewHistory()
		h.Add(&wrong)
		if len(disagreements(law, probes, w.attribute(t, h, faulty))) == 0 {
			t.Errorf("%s: got no disagreement, want the fault to be seen", name)
		}
	}
}
