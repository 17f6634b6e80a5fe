// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"strings"
)

// dialect is in what the cluster-scoped kinds differ; all else they share.
type dialect struct {
	tiers []Tier
	// actions maps the kind's words to ours, in the order in which to list them.
	actions []actionWord
	subject []string
	// peers are the forms of a peer, by direction.
	peers [2][]string
	// ports is the name of the list of ports, and port reads one item of it.
	ports string
	port  func(value) []Port
	// limit bounds rules and ports, and peerLimit peers, as the kind's own schema does.
	limit, peerLimit int
	// namespaceRequired says that namespaceSelector may not be left out.
	namespaceRequired bool
	// logs says that a rule has a field log.
	logs bool
}

type actionWord struct {
	word   string
	action Action
}

var (
	clusterPolicySpecFields = []string{"tier", "priority", "subject", "ingress", "egress"}
	clusterSubjectFields    = []string{"namespaces", "pods"}
	clusterIngressPeers     = []string{"namespaces", "pods"}
	clusterEgressPeers      = []string{"namespaces", "pods", "networks", "nodes", "domainNames"}
	clusterProtocols        = []string{"tcp", "udp", "sctp", "destinationNamedPort"}
)

func clusterDialect() dialect {
	return dialect{
		tiers:   []Tier{AdminTier, BaselineTier},
		actions: []actionWord{{"Accept", Accept}, {"Deny", Deny}, {"Pass", Pass}},
		subject: clusterSubjectFields,
		peers:   [2][]string{Egress: clusterEgressPeers, Ingress: clusterIngressPeers},
		ports:   "protocols", limit: 25, peerLimit: 25,
		port: func(v value) []Port { return v.protocolPort(clusterProtocols) },
	}
}

func readClusterNetworkPolicy(d *document, o object) draft {
	_, x := o.metadata(d.kind)
	s := clusterDialect()
	return s.read(o, x, clusterPolicySpecFields)
}

// read reads the spec of a cluster-scoped policy.
func (s dialect) read(o object, x extras, fields []string) draft {
	p := newPolicy(o, x)
	w := draft{policy: p}
	p.Tier = AdminTier
	if len(s.tiers) == 1 {
		p.Tier = s.tiers[0]
	}
	at, ok := o.required("spec", "a mapping with "+oneOf(fields))
	if !ok {
		return w
	}
	spec, ok := at.object(fields...)
	if !ok {
		return w
	}
	spec.directions(&w)
	if len(s.tiers) > 1 {
		if v, ok := spec.required("tier", "Admin or Baseline"); ok {
			if tier, ok := enum(v, s.tiers...); ok {
				p.Tier = tier
			}
		}
	}
	p.Priority = spec.priority(fields)
	if v, ok := spec.field("mode"); ok {
		if mode, ok := enum(v, Enforce, Audit); ok {
			p.Mode = mode
		}
	}
	p.Subject, w.subjectRead = s.readSubject(spec)
	for _, d := range []Direction{Egress, Ingress} {
		if v, ok := spec.field(d.String()); ok {
			p.Rules[d] = s.rules(v, d, x)
		}
	}
	return w
}

// priority reads the priority of a kind that has one.
func (o object) priority(fields []string) int32 {
	if !strings.Contains(strings.Join(fields, " "), "priority") {
		return 0
	}
	v, ok := o.required("priority", "a number from 0 to 1000, lower first")
	if !ok {
		return 0
	}
	i, _ := v.integer(0, 1000)
	return int32(i)
}

func (s dialect) readSubject(spec object) (Subject, bool) {
	v, ok := spec.required("subject", "a mapping with "+oneOf(s.subject))
	if !ok {
		return Subject{}, false
	}
	doc := spec.doc
	before := doc.errors
	o, ok := v.object(s.subject...)
	if !ok {
		return Subject{}, false
	}
	form, at, _ := o.exactlyOne(s.subject...)
	switch form {
	case "namespaces":
		pods := at.allPodsOf()
		return Subject{Pods: pods}, doc.errors == before
	case "pods":
		pods := at.namespacedPods(s.namespaceRequired)
		return Subject{Pods: pods}, doc.errors == before
	case "segment":
		name, readable := at.segmentName()
		return Subject{Segment: name}, readable && !o.unknown
	}
	return Subject{}, false
}

func (s dialect) rules(v value, d Direction, x extras) []Rule {
	items, _ := v.list("rules", 0, s.limit)
	rules := make([]Rule, 0, len(items))
	for i, item := range items {
		rules = append(rules, s.rule(item, d, i, x))
	}
	return rules
}

func peerList(d Direction) string {
	if d == Egress {
		return "to"
	}
	return "from"
}

func (s dialect) ruleFields(d Direction) []string {
	fields := []string{"name", "action", peerList(d), s.ports}
	if s.logs {
		fields = append(fields, "log")
	}
	return fields
}

func (s dialect) rule(v value, d Direction, i int, x extras) Rule {
	r := Rule{Index: i, Position: v.position(), Log: x.log}
	o, ok := v.object(s.ruleFields(d)...)
	if !ok {
		return r
	}
	if name, ok := o.field("name"); ok {
		r.Name = name.ruleName()
	}
	r.Action = s.action(o)
	if log, ok := o.field("log"); ok {
		r.Log, _ = enum(log, LogDenied, LogAll, LogNone)
	}
	closed := ""
	if at, ok := o.required(peerList(d), "at least one peer"); ok {
		items, _ := at.list("peers", 1, s.peerLimit)
		for _, item := range items {
			peers, why := s.peer(item, d, r.Action)
			r.Peers = append(r.Peers, peers...)
			closed = joinReasons(closed, why)
		}
	}
	r.AnyPort = o.isAbsent(s.ports)
	if at, ok := o.field(s.ports); ok {
		items, _ := at.list(s.ports, 1, s.limit)
		for _, item := range items {
			r.Ports = append(r.Ports, s.port(item)...)
		}
	}
	v.warnNamedPort(r, d)
	return r.close(closed)
}

func joinReasons(all, why string) string {
	if all == "" || strings.Contains(all, why) {
		return cmp.Or(all, why)
	}
	return all + ", " + why
}

func (o object) isAbsent(name string) bool {
	_, given := o.field(name)
	return !given && !o.unknown
}

// close applies the rule for what is valid and not enforced yet: what would have accepted
// accepts less, and what would have denied, or left the tier, denies everything.
func (r Rule) close(why string) Rule {
	switch {
	case why == "":
		return r
	case r.Action != Accept:
		return denyAll(r, why)
	case len(r.Peers) == 0:
		r.Closed = why
	}
	return r
}

func (s dialect) action(o object) Action {
	words := make([]string, len(s.actions))
	for i, a := range s.actions {
		words[i] = a.word
	}
	v, ok := o.required("action", oneOf(words))
	if !ok {
		return Deny
	}
	word, ok := enum(v, words...)
	if !ok {
		return Deny
	}
	for _, a := range s.actions {
		if a.word == word {
			return a.action
		}
	}
	return Deny
}

// maxRuleName is the length that the schema of ClusterNetworkPolicy sets.
const maxRuleName = 100

func (v value) ruleName() string {
	s, ok := v.text("a name")
	if ok && (len([]rune(s)) > maxRuleName || printable(s) != s) {
		v.wrong("a name of at most 100 printable characters")
		return ""
	}
	return s
}

// warnNamedPort warns of names of container ports towards addresses, which have no containers.
func (v value) warnNamedPort(r Rule, d Direction) {
	if d == Ingress {
		return
	}
	for _, peer := range r.Peers {
		for _, port := range r.Ports {
			if port.Named != "" && peer.Pods == nil && peer.Segment == "" {
				v.warn("the port named %s matches only endpoints, not the addresses of this rule",
					quoted(port.Named))
				return
			}
		}
	}
}
