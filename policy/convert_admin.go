// SPDX-License-Identifier: Apache-2.0

package policy

import "slices"

// The v1alpha1 kinds that ClusterNetworkPolicy replaced. They differ in the word Allow, in the
// shape of ports, in their limits, and in that the kind itself is the tier.
var (
	adminSpecFields         = []string{"priority", "subject", "ingress", "egress"}
	baselineAdminSpecFields = []string{"subject", "ingress", "egress"}
	baselineAdminPeers      = []string{"namespaces", "pods", "networks", "nodes"}
	adminPortFields         = []string{"portNumber", "portRange", "namedPort"}
	adminNumberFields       = []string{"protocol", "port"}
	adminRangeFields        = []string{"protocol", "start", "end"}
)

func adminDialect() dialect {
	return dialect{
		tiers:   []Tier{AdminTier},
		actions: []actionWord{{"Allow", Accept}, {"Deny", Deny}, {"Pass", Pass}},
		subject: clusterSubjectFields,
		peers:   [2][]string{Egress: clusterEgressPeers, Ingress: clusterIngressPeers},
		ports:   "ports", port: value.adminPort, limit: 100, peerLimit: 100,
		namespaceRequired: true,
	}
}

func readAdminNetworkPolicy(d *document, o object) draft {
	_, x := o.metadata(d.kind)
	return adminDialect().read(o, x, adminSpecFields)
}

func readBaselineAdminNetworkPolicy(d *document, o object) draft {
	_, x := o.metadata(d.kind)
	s := adminDialect()
	s.tiers = []Tier{BaselineTier}
	s.actions = slices.DeleteFunc(s.actions, func(a actionWord) bool { return a.action == Pass })
	s.peers[Egress] = baselineAdminPeers
	return s.read(o, x, baselineAdminSpecFields)
}

// adminPort reads one item of ports.
func (v value) adminPort() []Port {
	o, ok := v.object(adminPortFields...)
	if !ok {
		return nil
	}
	form, at, ok := o.exactlyOne(adminPortFields...)
	if !ok {
		return nil
	}
	switch form {
	case "portNumber":
		return at.adminPortNumber()
	case "portRange":
		return at.adminPortRange()
	}
	name, ok := at.portName()
	if !ok {
		return nil
	}
	return []Port{{Named: name}}
}

func (v value) adminPortNumber() []Port {
	o, ok := v.object(adminNumberFields...)
	if !ok {
		return nil
	}
	protocol, ok1 := o.protocol()
	at, ok2 := o.required("port", "a port number")
	if !ok1 || !ok2 {
		return nil
	}
	n, ok := at.portNumber()
	if !ok {
		return nil
	}
	return []Port{{Protocol: protocol, First: n, Last: n}}
}

func (v value) adminPortRange() []Port {
	o, ok := v.object(adminRangeFields...)
	if !ok {
		return nil
	}
	protocol, ok1 := o.protocol()
	first, last, ok2 := o.portRange(true)
	if !ok1 || !ok2 {
		return nil
	}
	return []Port{{Protocol: protocol, First: first, Last: last}}
}
