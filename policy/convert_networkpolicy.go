// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation"
)

var (
	networkPolicySpecFields    = []string{"podSelector", "policyTypes", "ingress", "egress"}
	networkPolicyIngressFields = []string{"from", "ports"}
	networkPolicyEgressFields  = []string{"to", "ports"}
	networkPolicyPeerFields    = []string{"podSelector", "namespaceSelector", "ipBlock"}
	networkPolicyPortFields    = []string{"protocol", "port", "endPort"}
	ipBlockFields              = []string{"cidr", "except"}
)

// networkPolicy reads one NetworkPolicy, filling in what the API server would default.
type networkPolicy struct {
	policy *Policy
	extras extras
}

func readNetworkPolicy(d *document, o object) draft {
	_, x := o.metadata(d.kind)
	r := networkPolicy{policy: newPolicy(o, x), extras: x}
	r.policy.Tier = NetworkPolicyTier
	w := draft{policy: r.policy}
	at, ok := o.field("spec")
	if !ok {
		if o.unknown {
			return w
		}
		// The API server takes a missing spec as an empty one: every pod, closed for ingress.
		o.warn("there is no spec: every pod of the namespace is isolated for ingress")
		w.subject(d, Everything())
		w.names[Ingress], w.directionsRead = true, true
		r.policy.Isolates = w.names
		return w
	}
	spec, ok := at.object(networkPolicySpecFields...)
	if !ok {
		return w
	}
	r.subject(d, spec, &w)
	r.types(spec, &w)
	r.policy.Isolates = w.names
	r.policy.Rules[Ingress] = r.rules(spec, Ingress, "ingress")
	r.policy.Rules[Egress] = r.rules(spec, Egress, "egress")
	return w
}

func (r networkPolicy) subject(d *document, spec object, w *draft) {
	v, ok := spec.field("podSelector")
	if !ok {
		if !spec.unknown {
			w.subject(d, Everything())
		}
		return
	}
	before := d.errors
	selector := v.selector()
	if d.errors == before {
		w.subject(d, selector)
	}
}

// subject sets the subject, unless the namespace is not one.
func (w *draft) subject(d *document, selector Selector) {
	w.policy.Subject.Pods = &PodSelector{Namespace: d.ref.Namespace, Selector: selector}
	w.subjectRead = len(validation.IsDNS1123Label(d.ref.Namespace)) == 0
}

// types reads policyTypes or derives it: ingress always, egress if there are egress rules.
func (r networkPolicy) types(spec object, w *draft) {
	w.directionsRead = !spec.unknown
	v, ok := spec.field("policyTypes")
	if ok && len(v.target().Content) == 0 && v.describe() == "a list" {
		ok = false
	}
	if !ok {
		w.names[Ingress], w.names[Egress] = true, spec.listed("egress")
		return
	}
	items, clean := v.list("policy types", 0, 2)
	w.directionsRead = w.directionsRead && clean
	for _, item := range items {
		switch word, ok := enum(item, "Ingress", "Egress"); {
		case !ok:
			w.directionsRead = false
		case word == "Ingress":
			w.names[Ingress] = true
		default:
			w.names[Egress] = true
		}
	}
	for d, field := range map[Direction]string{Ingress: "ingress", Egress: "egress"} {
		if rules, ok := spec.field(field); ok && spec.listed(field) && w.directionsRead && !w.names[d] {
			rules.warn("policyTypes does not list this direction, so these rules have no effect")
		}
	}
}

func (r networkPolicy) rules(spec object, d Direction, field string) []Rule {
	v, ok := spec.field(field)
	if !ok {
		return nil
	}
	items, _ := v.list("rules", 0, 0)
	rules := make([]Rule, 0, len(items))
	for i, item := range items {
		rules = append(rules, r.rule(item, d, i))
	}
	return rules
}

func (r networkPolicy) rule(v value, d Direction, i int) Rule {
	rule := Rule{Index: i, Position: v.position(), Action: Accept, Log: r.extras.log}
	peers, fields := "from", networkPolicyIngressFields
	if d == Egress {
		peers, fields = "to", networkPolicyEgressFields
	}
	o, ok := v.object(fields...)
	if !ok {
		return rule
	}
	rule.AnyPeer = o.isEmpty(peers)
	if at, ok := o.field(peers); ok {
		items, _ := at.list("peers", 0, 0)
		for _, item := range items {
			rule.Peers = append(rule.Peers, r.peer(item)...)
		}
	}
	rule.AnyPort = o.isEmpty("ports")
	if at, ok := o.field("ports"); ok {
		items, _ := at.list("ports", 0, 0)
		for _, item := range items {
			rule.Ports = append(rule.Ports, item.networkPolicyPort()...)
		}
	}
	v.warnNamedPort(rule, d)
	return rule
}

// isEmpty reports whether a list is absent or has no items, which means "all".
func (o object) isEmpty(name string) bool {
	v, ok := o.field(name)
	if !ok {
		if o.isNullField(name) {
			o.warn("%s is null, which counts as absent and means all", name)
		}
		return !o.unknown
	}
	return v.describe() == "a list" && len(v.target().Content) == 0
}

func (r networkPolicy) peer(v value) []Peer {
	o, ok := v.object(networkPolicyPeerFields...)
	if !ok {
		return nil
	}
	pods, hasPods := o.field("podSelector")
	namespaces, hasNamespaces := o.field("namespaceSelector")
	block, hasBlock := o.field("ipBlock")
	switch {
	case hasBlock && (hasPods || hasNamespaces):
		o.reject("ipBlock beside a selector", "ipBlock alone")
	case hasBlock:
		return block.ipBlock()
	case !hasPods && !hasNamespaces:
		if !o.unknown {
			o.reject("none of them"+o.nullHint(networkPolicyPeerFields...),
				"at least one of podSelector, namespaceSelector, ipBlock")
		}
		return nil
	}
	s := &PodSelector{Selector: Everything()}
	if hasPods {
		s.Selector = pods.selector()
	}
	if hasNamespaces {
		s.NamespaceSelector = namespaces.selector()
	} else {
		// A podSelector alone never leaves the namespace of its policy.
		s.Namespace = r.policy.Ref.Namespace
	}
	return []Peer{{Pods: s}}
}

func (v value) ipBlock() []Peer {
	o, ok := v.object(ipBlockFields...)
	if !ok {
		return nil
	}
	at, ok := o.required("cidr", cidrAccepted)
	if !ok {
		return nil
	}
	block, ok := at.prefix()
	c := &CIDR{Prefix: block}
	if except, given := o.field("except"); given {
		items, _ := except.list("CIDRs", 0, 0)
		for _, item := range items {
			x, read := item.prefix()
			if ok && read {
				item.strictlyWithin(block, x)
				c.Except = append(c.Except, x)
			}
		}
	}
	if !ok {
		return nil
	}
	return []Peer{{CIDR: c}}
}

// networkPolicyPort reads a port: a number, a name, or nothing for all ports of the protocol.
func (v value) networkPolicyPort() []Port {
	o, ok := v.object(networkPolicyPortFields...)
	if !ok {
		return nil
	}
	protocol, _ := o.protocol()
	port := everyPort(protocol)
	at, given := o.field("port")
	end, ranged := o.field("endPort")
	switch {
	case !given && ranged:
		end.reject("endPort without port", "endPort beside a port number")
	case given && at.target().ShortTag() == "!!str":
		port.First, port.Last = 0, 0
		port.Named, _ = at.portName()
		if ranged {
			end.reject("endPort beside the name of a port", "endPort beside a port number")
		}
	case given:
		port.First, _ = at.portNumber()
		port.Last = port.First
		if ranged {
			port.Last = end.endPort(port.First)
		}
	}
	return []Port{port}
}

func (v value) endPort(first uint16) uint16 {
	last, ok := v.portNumber()
	if ok && last < first {
		v.wrong(fmt.Sprintf("a number not below port (%d)", first))
	}
	return last
}
