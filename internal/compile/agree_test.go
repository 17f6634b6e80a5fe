// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/randpolicy"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

var (
	agreeSeed      = flag.Uint64("agree.seed", 0, "seed of TestAgree; 0 for a random one")
	agreeDecisions = flag.Int("agree.decisions", 120000, "decisions that TestAgree compares")
)

const flowsPerSet = 100

// bench is one random world: policies, endpoints, and the rules compiled from them.
type bench struct {
	input  Input
	tracer *ruleset.Tracer
	stamp  Stamp
}

func newBench(t testing.TB, in Input, fault func(*ruleset.Ruleset)) *bench {
	t.Helper()
	b := &bench{input: in, stamp: Stamp{Generation: 1, Epoch: 7}}
	r, _ := Compile(in)
	r = in.Config.Stamped(r, b.stamp)
	if fault != nil {
		fault(r)
	}
	tracer, err := ruleset.NewTracer(r)
	if err != nil {
		t.Fatalf("compiled ruleset: %v", err)
	}
	b.tracer = tracer
	return b
}

// want is what the rules must do with the first packet of a flow that policy decides so.
func want(t trip, d policy.Decision) ruleset.Outcome {
	switch {
	case d.Action == policy.Accept:
		return ruleset.Accepted
	case d.Action == policy.Reject && !t.flow.From.Host:
		return ruleset.Rejected
	}
	// From the own node: postrouting can drop but not reject.
	return ruleset.Dropped
}

// here is what the law asks of this node: the sides that are attached to it. Another node
// answers for its own.
func here(law *policy.Set, t trip) policy.Decision {
	switch {
	case t.flow.From.Endpoint != nil && t.from == nil:
		return law.EvaluateDirection(policy.Ingress, t.flow)
	case t.flow.To.Endpoint != nil && t.to == nil:
		if d := law.Evaluate(t.flow); d.Reason == policy.ReasonEncapsulation {
			return d // what no policy can change is dropped where it begins
		}
		return law.EvaluateDirection(policy.Egress, t.flow)
	}
	return law.Evaluate(t.flow)
}

// disagreement compares the law with the rules for one flow: its first packet, the same with a
// mark that it did not earn, and later packets of the same flow, of both directions. It returns
// an empty text when all agree.
func (b *bench) disagreement(law *policy.Set, t trip) (policy.Decision, string) {
	decision := here(law, t)
	path, p := t.first(0)
	result := b.tracer.Walk(path, p)
	if result.Verdict != want(t, decision) {
		return decision, b.report(t, decision, result, "first packet")
	}
	if text := trailDisagreement(decision, result, true); text != "" {
		return decision, b.report(t, decision, result, "first packet, "+text)
	}
	live := b.input.Config.mark(b.stamp.Epoch)
	if decision.Action == policy.Accept && p.CT.Mark != live {
		return decision, b.report(t, decision, result, "mark of an accepted flow")
	}
	if decision.Action != policy.Accept && p.CT.Mark == live {
		return decision, b.report(t, decision, result, "mark of a denied flow")
	}
	// A new flow has no right to a live mark: a helper or a foreign rule gave it.
	path, p = t.first(live)
	result = b.tracer.Walk(path, p)
	if result.Verdict != want(t, decision) {
		return decision, b.report(t, decision, result, "first packet with a live mark")
	}
	if text := trailDisagreement(decision, result, true); text != "" {
		return decision, b.report(t, decision, result, "live mark, "+text)
	}
	return decision, b.laterDisagreement(t, decision)
}

// laterDisagreement looks at packets of a flow whose first packet has passed: under an epoch that
// has gone by the flow is judged as it was, whether it was answered or not, and under the live one
// it goes on without being asked for anything but its mark.
func (b *bench) laterDisagreement(t trip, d policy.Decision) string {
	live, old := b.input.Config.mark(b.stamp.Epoch), b.input.Config.mark(b.stamp.Epoch-1)
	path, p := t.reply(old)
	result := b.tracer.Walk(path, p)
	if (result.Verdict == ruleset.Accepted) != (d.Action == policy.Accept) {
		return b.report(t, d, result, "reply of an old epoch")
	}
	if text := trailDisagreement(d, result, false); text != "" {
		return b.report(t, d, result, "reply of an old epoch, "+text)
	}
	path, p = t.second(old)
	if result = b.tracer.Walk(path, p); result.Verdict != want(t, d) {
		return b.report(t, d, result, "unanswered packet of an old epoch")
	}
	if text := trailDisagreement(d, result, false); text != "" {
		return b.report(t, d, result, "unanswered packet of an old epoch, "+text)
	}
	if d.Action != policy.Accept {
		return ""
	}
	path, p = t.second(live)
	result = b.tracer.Walk(path, p)
	if result.Verdict != ruleset.Accepted {
		return b.report(t, d, result, "unanswered packet of a live epoch")
	}
	for _, s := range result.Steps {
		if s.Chain == "egress-stage" || s.Chain == "ingress-stage" {
			return b.report(t, d, result, "unanswered packet judged twice")
		}
	}
	if text := trailDisagreement(policy.Decision{}, result, false); text != "" {
		return b.report(t, d, result, "unanswered packet audited twice, "+text)
	}
	return ""
}

func (b *bench) report(t trip, d policy.Decision, r ruleset.Result, what string) string {
	text := fmt.Sprintf("%s: %+v\n from %+v\n to %+v\n law: %s (%s)\n rules: %s\n", what, t.flow,
		t.from, t.to, d.Action, d.Why, r.Verdict)
	for _, s := range r.Steps {
		text += "   " + s.String() + "\n"
	}
	return text
}

// TestAgree holds the law and the compiled rules together over random policies, endpoints and
// packets.
func TestAgree(t *testing.T) {
	seed := *agreeSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	d := randpolicy.New(seed, 0)
	histogram := map[string]int{}
	for done := 0; done < *agreeDecisions; done += flowsPerSet {
		w := newWorld(d)
		b := newBench(t, w.Input, nil)
		for range flowsPerSet {
			decision, bad := b.disagreement(w.Policies, w.trip())
			if bad != "" {
				t.Fatalf("seed %d: %s", seed, bad)
			}
			histogram[bucket(decision)]++
			for _, a := range decision.WouldDeny {
				histogram["audited "+a.Direction.String()]++
			}
			for _, d := range decision.Logged {
				histogram["logged "+d.String()]++
			}
		}
	}
	t.Logf("seed %d: %d decisions, 0 disagreements: %v", seed, *agreeDecisions, histogram)
	for name, least := range map[string]int{"accept": 150, "explicit deny": 150,
		"default deny": 150, "quarantine deny": 30, "quarantine accept": 4} {
		if histogram[name]*1000 < *agreeDecisions*least {
			t.Errorf("%s: got %d of %d decisions, want at least %d in a thousand", name,
				histogram[name], *agreeDecisions, least)
		}
	}
	for _, name := range []string{"audited egress", "audited ingress", "logged egress",
		"logged ingress"} {
		if histogram[name]*100 < *agreeDecisions {
			t.Errorf("%s: got %d for %d decisions, want at least 1 %%", name, histogram[name],
				*agreeDecisions)
		}
	}
}

func bucket(d policy.Decision) string {
	switch {
	case d.Reason == policy.ReasonQuarantine && d.Action == policy.Accept:
		return "quarantine accept"
	case d.Reason == policy.ReasonQuarantine:
		return "quarantine deny"
	case d.Action == policy.Accept:
		return "accept"
	case d.Reason == policy.ReasonDefaultDeny:
		return "default deny"
	}
	return "explicit deny"
}

// FuzzAgree lets the fuzzer choose the seed.
func FuzzAgree(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) {
		d := randpolicy.New(seed, 1)
		w := newWorld(d)
		b := newBench(t, w.Input, nil)
		for range flowsPerSet {
			if _, bad := b.disagreement(w.Policies, w.trip()); bad != "" {
				t.Fatal(bad)
			}
		}
	})
}
