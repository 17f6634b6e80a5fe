// SPDX-License-Identifier: Apache-2.0

package policy

var (
	segmentSpecFields   = []string{"members", "isolated"}
	segmentMemberFields = []string{"pods", "networks", "cidrs"}
)

// maxMembers bounds the members of one Segment.
const maxMembers = 100

func readSegment(d *document, o object) draft {
	_, x := o.metadata(d.kind)
	s := &Segment{Ref: d.ref, Position: o.position()}
	w := draft{segment: s}
	at, ok := o.required("spec", "a mapping with "+oneOf(segmentSpecFields))
	if !ok {
		return w
	}
	spec, ok := at.object(segmentSpecFields...)
	if !ok {
		return w
	}
	before := d.errors
	if v, ok := spec.required("members", "at least one member"); ok {
		items, _ := v.list("members", 1, maxMembers)
		for _, item := range items {
			s.Members = append(s.Members, item.member())
		}
		w.subjectRead = d.errors == before
	}
	isolated, clean := false, true
	if v, ok := spec.field("isolated"); ok {
		isolated, clean = v.boolean()
	}
	s.Isolated = isolated
	w.names = [2]bool{isolated, isolated}
	w.directionsRead = clean && !spec.unknown
	w.policy = newPolicy(o, x)
	isolate(w.policy, s)
	return w
}

// isolate fills in the implicit policy of a Segment: open among its members, closed towards
// everybody else. The own node is no peer here, so an isolated endpoint remains reachable by
// the node that runs it; a SegmentationPolicy that names the entity Host closes that.
func isolate(p *Policy, s *Segment) {
	p.Tier, p.Priority = BaselineTier, IsolationPriority
	p.Subject = Subject{Segment: s.Ref.Name}
	for _, d := range []Direction{Egress, Ingress} {
		p.Rules[d] = []Rule{
			{Name: "members", Position: s.Position, Action: Accept, AnyPort: true,
				Peers: []Peer{{Segment: s.Ref.Name}}, Log: LogDenied},
			{Name: "isolated", Index: 1, Position: s.Position, Action: Deny, AnyPort: true,
				Peers: []Peer{{Entity: EntityWorld}, {Entity: EntityEndpoints}}, Log: LogDenied},
		}
	}
}

func (v value) member() Member {
	o, ok := v.object(segmentMemberFields...)
	if !ok {
		return Member{}
	}
	switch form, at, _ := o.exactlyOne(segmentMemberFields...); form {
	case "pods":
		return Member{Pods: at.namespacedPods(false)}
	case "networks":
		return Member{Networks: at.networkNames()}
	case "cidrs":
		return Member{CIDRs: at.prefixes(1, maxCIDRs)}
	}
	return Member{}
}

// networkNames reads names of CNI or Docker networks.
func (v value) networkNames() []string {
	var names []string
	for _, item := range v.texts("networks", 1, maxCIDRs) {
		s, ok := item.text("the name of a network")
		if ok && (s == "" || printable(s) != s) {
			item.wrong("the name of a network")
		}
		names = append(names, s)
	}
	return names
}

// readNamespace reads the labels of a namespace; its spec is the API server's business.
func readNamespace(d *document, o object) draft {
	labels, _ := o.metadata(d.kind)
	w := draft{namespace: d.ref.Name, labels: map[string]string{}}
	for k, v := range labels {
		w.labels[k] = v
	}
	// Who could set this label to another name would give one namespace the rights of another.
	if v, given := w.labels[NamespaceNameLabel]; given && v != d.ref.Name {
		o.fields["metadata"].child("labels", o.fields["metadata"].node).
			reject(NamespaceNameLabel+" with the value "+quoted(v), quoted(d.ref.Name))
	}
	w.labels[NamespaceNameLabel] = d.ref.Name
	return w
}
