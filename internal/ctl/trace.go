// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"slices"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// traced is what the compiled rules do to the flow's first packet.
type traced struct {
	Verdict string       `json:"verdict"`
	Steps   []tracedStep `json:"steps"`
	// LogPrefix is what the packet is logged with, if it is.
	LogPrefix string `json:"logPrefix,omitempty"`
}

// tracedStep is one rule that took effect.
type tracedStep struct {
	Family  string `json:"family"`
	Chain   string `json:"chain"`
	Index   int    `json:"index"`
	Rule    string `json:"rule"`
	Comment string `json:"comment,omitempty"`
	// Counter is the counter object that the rule counts on.
	Counter string `json:"counter,omitempty"`
}

func newTraced(r ruleset.Result) traced {
	t := traced{Verdict: r.Verdict.String(), Steps: []tracedStep{}, LogPrefix: r.LogPrefix}
	for _, s := range r.Steps {
		step := tracedStep{Family: s.Family.String(), Chain: s.Chain, Index: s.Index,
			Rule: s.Text(), Comment: s.Comment()}
		for _, statement := range s.Rule.Statements {
			if c, ok := statement.(ruleset.CounterRef); ok {
				step.Counter = c.Name
			}
		}
		t.Steps = append(t.Steps, step)
	}
	return t
}

// always is the reason of a drop that no policy decides, as the chain that drops names it:
// "quarantine" for drop-quarantine. It is empty for everything else.
func (t traced) always() string {
	if t.Verdict == ruleset.Accepted.String() || len(t.Steps) == 0 {
		return ""
	}
	reason, found := strings.CutPrefix(t.Steps[len(t.Steps)-1].Chain, "drop-")
	if !found {
		return ""
	}
	return reason
}

// audits reports whether a rule counts the packet as audited in the direction.
func (t traced) audits(d policy.Direction) bool {
	return slices.ContainsFunc(t.Steps, func(s tracedStep) bool {
		of, ok := compile.AuditCounter(s.Counter)
		return ok && of == d
	})
}

// records reports whether a rule counts the packet as accepted by a rule that asks for a record.
func (t traced) records(d policy.Direction) bool {
	return slices.ContainsFunc(t.Steps, func(s tracedStep) bool {
		of, ok := compile.AllowCounter(s.Counter)
		return ok && of == d
	})
}

// kernelView is what the kernel holds of the objects that the flow meets.
type kernelView struct {
	Generation uint32 `json:"generation"`
	// AsDesired says that the kernel's tables are exactly the desired ones; otherwise Drift
	// says where not, and the trace may not describe the kernel.
	AsDesired bool            `json:"asDesired"`
	Drift     []string        `json:"drift"`
	Counters  []kernelCounter `json:"counters"`
}

// kernelCounter is one counter of the chains that the flow meets.
type kernelCounter struct {
	Family  string `json:"family"`
	Name    string `json:"name"`
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
	// Counts says that a packet of this flow adds to it.
	Counts bool `json:"counts"`
}

// kernel collects the live counters of the chains in the trace: those that count this flow, and
// those of the same groups that count its refused neighbours.
func (v view) kernel(t traced) kernelView {
	k := kernelView{Generation: v.status.Stamp.Generation, AsDesired: len(v.drift) == 0,
		Drift: []string{}, Counters: []kernelCounter{}}
	for _, d := range v.drift {
		k.Drift = append(k.Drift, d.String())
	}
	for key, c := range v.counters {
		counts, met := t.meets(key)
		if met {
			k.Counters = append(k.Counters, kernelCounter{Family: key.Family.String(),
				Name: key.Name, Packets: c.Packets, Bytes: c.Bytes, Counts: counts})
		}
	}
	slices.SortFunc(k.Counters, func(a, b kernelCounter) int {
		return strings.Compare(a.Family+" "+a.Name, b.Family+" "+b.Name)
	})
	return k
}

// meets tells whether the trace comes by a counter, and whether it counts there. The counters
// of a group begin with the name of the group's chain.
func (t traced) meets(key nft.CounterKey) (counts, met bool) {
	for _, s := range t.Steps {
		if s.Family != key.Family.String() {
			continue
		}
		counts = counts || s.Counter == key.Name
		met = met || strings.HasPrefix(key.Name, s.Chain+"-")
	}
	return counts, counts || met
}
