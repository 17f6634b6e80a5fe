// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
)

// String names the endpoint as people do: namespace/name.
func (e *Endpoint) String() string { return e.Namespace + "/" + e.Name }

// String names the party: the endpoint, the own node, or the address.
func (p Party) String() string {
	switch {
	case p.Host:
		return fmt.Sprintf("the own node (%s)", p.Addr)
	case p.Endpoint != nil:
		return p.Endpoint.String()
	}
	return p.Addr.String()
}

// Service returns the flow's protocol and port: tcp/80, icmp/8/0, protocol 47.
func (f Flow) Service() string {
	switch {
	case HasPorts(f.Protocol):
		return fmt.Sprintf("%s/%d", protocolText(f.Protocol), f.Port)
	case f.Protocol == ProtocolICMP || f.Protocol == ProtocolICMPv6:
		return fmt.Sprintf("%s/%d/%d", protocolText(f.Protocol), f.ICMPType, f.ICMPCode)
	}
	return protocolText(f.Protocol)
}

// String returns the flow as in "tcp/80 from shop/api to shop/web".
func (f Flow) String() string {
	text := fmt.Sprintf("%s from %s to %s", f.Service(), f.From, f.To)
	if f.ViaService {
		return text + " through a Service"
	}
	return text
}

// toward is the flow as its subject sees it: "tcp/80 to shop/web" or "tcp/80 from shop/api".
func (f Flow) toward(d Direction) string {
	if d == Egress {
		return fmt.Sprintf("%s to %s", f.Service(), f.To)
	}
	return fmt.Sprintf("%s from %s", f.Service(), f.From)
}

// String names the rule: `NetworkPolicy shop/web ingress[0]`, with its own name if it has one.
func (r RuleRef) String() string {
	text := fmt.Sprintf("%s %s[%d]", r.Policy, r.Direction, r.Index)
	if r.Name == "" {
		return text
	}
	return fmt.Sprintf("%s %q", text, r.Name)
}

// says puts an action into a sentence.
var says = map[Action]string{
	Accept: "accepts", Deny: "denies", Reject: "rejects", Pass: "passes",
}

func ruleWhy(ref RuleRef, r Rule, action Action, f Flow) string {
	text := fmt.Sprintf("%s %s %s", ref, says[action], f.toward(ref.Direction))
	if r.Closed == "" {
		return text
	}
	return text + ", because it is closed: " + r.Closed
}

func defaultDenyWhy(isolating []Ref, d Direction, f Flow) string {
	return fmt.Sprintf("%s is isolated for %s by %s; no rule accepts %s",
		f.judged(d).Endpoint, d, join(isolating, ", "), f.toward(d))
}

func defaultAllowWhy(d Direction, f Flow) string {
	return fmt.Sprintf("no policy decides about %s of %s: %s is allowed by default",
		d, f.judged(d).Endpoint, f.toward(d))
}

func notSubjectWhy(d Direction, f Flow) string {
	return fmt.Sprintf("%s is not an endpoint, so no policy judges its %s", f.judged(d), d)
}
