// SPDX-License-Identifier: Apache-2.0

package policy

// maxCIDRs bounds the CIDRs of one peer, as the schema of ClusterNetworkPolicy does.
const maxCIDRs = 25

// peer reads one peer of a cluster-scoped policy. why is set when the form is understood and
// not enforced yet; such a peer matches nothing.
func (s dialect) peer(v value, d Direction, action Action) (peers []Peer, why string) {
	o, ok := v.object(s.peers[d]...)
	if !ok {
		return nil, ""
	}
	form, at, ok := o.exactlyOne(s.peers[d]...)
	if !ok {
		return nil, ""
	}
	switch form {
	case "namespaces":
		return []Peer{{Pods: at.allPodsOf()}}, ""
	case "pods":
		return []Peer{{Pods: at.namespacedPods(s.namespaceRequired)}}, ""
	case "networks", "cidrs":
		for _, p := range at.prefixes(1, maxCIDRs) {
			peers = append(peers, Peer{CIDR: &CIDR{Prefix: p}})
		}
		return peers, ""
	case "segment":
		name, _ := at.segmentName()
		return []Peer{{Segment: name}}, ""
	case "entity":
		entity, _ := enum(at, EntityHost, EntityWorld, EntityEndpoints)
		return []Peer{{Entity: entity}}, ""
	case "nodes":
		at.selector()
	case "domainNames":
		at.domains()
	}
	return nil, at.closedPeer(form, action)
}

// closedPeer reports a form that is not enforced yet and says why the rule is closed.
func (v value) closedPeer(form string, action Action) string {
	why := form + " is not enforced yet"
	if action == Accept {
		v.notEnforced("%s: this peer matches nothing", why)
		return why
	}
	v.notEnforced("%s: the rule denies everything", why)
	return why
}

// segmentIndex is every Segment that the documents define, by name.
type segmentIndex map[string]*segmentEntry

type segmentEntry struct {
	position Position
	// accepted says that a version of the Segment is in force.
	accepted bool
	// readable says that the Segment was rejected, but its members are known, so that policies
	// about them can be closed.
	readable bool
}

// segmentName reads a reference to a Segment. readable says that the members of the Segment
// are known, even if the reference is an error.
func (v value) segmentName() (name string, readable bool) {
	name, ok := v.text("the name of a Segment")
	if !ok {
		return "", false
	}
	entry := v.doc.segments[name]
	switch {
	case entry == nil:
		known := sortedKeys(v.doc.segments)
		v.reject("the unknown Segment "+quoted(name),
			"a Segment that is defined"+suggestion(name, known))
		return name, false
	case !entry.accepted:
		v.reject("the Segment "+quoted(name)+", whose document at "+
			entry.position.String()+" was rejected", "a Segment without errors")
	}
	return name, entry.accepted || entry.readable
}
