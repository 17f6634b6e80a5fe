// SPDX-License-Identifier: Apache-2.0

package suggest

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/bulkhead-net/bulkhead/policy"
)

// obstacle tells why no rule of a NetworkPolicy can help against a refusal. It is false if one
// can.
func (w world) obstacle(d policy.Decision) (Obstacle, bool) {
	o := Obstacle{Direction: d.Direction, Reason: d.Reason, Rule: d.Rule}
	switch {
	case d.Reason == policy.ReasonEncapsulation:
		o.Why = d.Why + "; no policy decides about tunnels unless the node's configuration says " +
			"allowEncapsulation"
	case d.Reason == policy.ReasonQuarantine:
		o.Why = d.Why + "; no policy is asked before the quarantine ends"
	case !decidedByPolicy(d.Reason):
		o.Why = d.Why + "; that is always dropped, and no policy decides about it"
	case d.Reason == policy.ReasonRule:
		o.Why = fmt.Sprintf("%s (%s); %s", d.Why, place(d.Rule.Position), w.against(d))
	case !w.hasPort():
		o.Why = fmt.Sprintf("%s; a NetworkPolicy cannot name %s, and a rule without ports would "+
			"allow every protocol and port; a SegmentationPolicy of tier Admin can accept it alone",
			d.Why, w.flow.Service())
	case len(validation.IsDNS1123Label(w.judged(d.Direction).Namespace)) > 0:
		o.Why = fmt.Sprintf("%s; no NetworkPolicy can be in a namespace of that name", d.Why)
	default:
		return Obstacle{}, false
	}
	return o, true
}

// against says why a NetworkPolicy is no help against a rule that refuses.
func (w world) against(d policy.Decision) string {
	switch {
	case d.Rule.Tier == policy.AdminTier:
		return "the Admin tier decides before every NetworkPolicy, so that rule has to change, or " +
			"a rule with action Accept or Pass has to come before it"
	case w.other(d.Direction).Host:
		return "a NetworkPolicy has no say about the own node, so that rule has to change"
	}
	return fmt.Sprintf("a NetworkPolicy would come before the Baseline tier, but isolate %s: all "+
		"else would be refused; so that rule has to change, or a rule with action Accept has to "+
		"come before it", w.judged(d.Direction))
}

// hasPort tells whether a NetworkPolicy can name what the flow asks for.
func (w world) hasPort() bool {
	_, named := protocolNames[w.flow.Protocol]
	return named && w.flow.Port > 0
}

// protocolNames are the protocols that a NetworkPolicy can name.
var protocolNames = map[uint8]string{
	policy.ProtocolTCP: "TCP", policy.ProtocolUDP: "UDP", policy.ProtocolSCTP: "SCTP",
}

// place is file:line, or what to say of a document that has none.
func place(p policy.Position) string {
	if p.File == "" {
		return "in no file"
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// undivided is the obstacle that no labels keep a new policy from isolating bystanders.
func (w world) undivided(d policy.Decision, bystander *policy.Endpoint) *Obstacle {
	why := fmt.Sprintf("%s; no label tells it from %s, which is not isolated for %s and would be by "+
		"a new policy that selects both: give %s a label of its own, or add the rule to an isolating "+
		"policy", d.Why, bystander, d.Direction, w.judged(d.Direction))
	for i, ref := range d.Isolating {
		for _, p := range w.set.Policies {
			if i == 0 && p.Ref == ref {
				why += ", such as " + ref.String() + " (" + place(p.Position) + ")"
			}
		}
	}
	return &Obstacle{Direction: d.Direction, Reason: d.Reason, Why: why}
}
