// SPDX-License-Identifier: Apache-2.0

package policy

import "fmt"

// Lint looks for what is valid and probably not meant: rules that nothing reaches, policies
// whose order their names decide, selectors that match nothing, Segments that nobody uses, and
// namespaces whose labels are asked for and not declared. endpoints are those of this node;
// without any, nothing is said about what selectors match. Every Problem is a Warning.
func Lint(set *Set, endpoints []*Endpoint) []Problem {
	l := &linter{set: set}
	for _, p := range set.Policies {
		if p.Mode != Audit {
			l.policies = append(l.policies, p)
		}
	}
	l.unreachable()
	l.equalPriorities()
	l.unusedSegments()
	l.undeclaredNamespaces()
	if len(endpoints) > 0 {
		l.idleSelectors(endpoints)
	}
	SortProblems(l.problems)
	return l.problems
}

type linter struct {
	set *Set
	// policies are those in force, in the order of evaluation.
	policies []*Policy
	problems []Problem
}

func (l *linter) warn(at Position, ref Ref, field, format string, args ...any) {
	l.problems = append(l.problems, Problem{Position: at, Ref: ref, Field: field,
		Severity: SeverityWarning, Message: fmt.Sprintf(format, args...)})
}

// place is the path of a rule in its document.
func (r Rule) place(d Direction) string { return fmt.Sprintf("spec.%s[%d]", d, r.Index) }

// isStated reports whether somebody wrote the policy, as opposed to a Segment implying it.
func (p *Policy) isStated() bool { return p.Ref.Kind != KindSegment }

// equalPriorities reports policies whose order is settled by kind and name.
func (l *linter) equalPriorities() {
	var first *Policy
	for _, p := range l.policies {
		if p.Tier == NetworkPolicyTier || !p.isStated() {
			continue
		}
		if first == nil || first.Tier != p.Tier || first.Priority != p.Priority {
			first = p
			continue
		}
		l.warn(p.Position, p.Ref, "", "priority %d in tier %s is also that of %s (%s): "+
			"kind and name decide which comes first", p.Priority, p.Tier, first.Ref,
			first.Position)
	}
}

// unusedSegments reports Segments that no policy names. An isolated one has an effect of its
// own.
func (l *linter) unusedSegments() {
	used := map[string]bool{}
	for _, p := range l.set.Policies {
		if !p.isStated() {
			continue
		}
		used[p.Subject.Segment] = true
		for _, rules := range p.Rules {
			for _, r := range rules {
				for _, peer := range r.Peers {
					used[peer.Segment] = true
				}
			}
		}
	}
	for _, name := range sortedKeys(l.set.Segments) {
		if s := l.set.Segments[name]; !used[name] && !s.Isolated {
			l.warn(s.Position, s.Ref, "", "no policy names this Segment, and it is not isolated")
		}
	}
}

// undeclaredNamespaces reports namespaces without a Namespace document, once some selector
// asks for labels that only such a document can give.
func (l *linter) undeclaredNamespaces() {
	asking := l.asksForLabels()
	if asking == nil {
		return
	}
	reported := map[string]bool{}
	for _, p := range l.policies {
		namespace := p.Ref.Namespace
		if _, declared := l.set.Namespaces[namespace]; declared || namespace == "" ||
			reported[namespace] {
			continue
		}
		reported[namespace] = true
		l.warn(p.Position, p.Ref, "metadata.namespace",
			"there is no Namespace document for %s, so it has no labels, and %s (%s) asks for some",
			quoted(namespace), asking.Ref, asking.Position)
	}
}

// asksForLabels returns a policy that selects namespaces by labels beyond their name.
func (l *linter) asksForLabels() *Policy {
	for _, p := range l.policies {
		if p.Subject.Pods.asksForLabels() {
			return p
		}
		for _, rules := range p.Rules {
			for _, r := range rules {
				for _, peer := range r.Peers {
					if peer.Pods.asksForLabels() {
						return p
					}
				}
			}
		}
	}
	return nil
}

func (p *PodSelector) asksForLabels() bool {
	if p == nil || p.Namespace != "" || p.NamespaceSelector.match == nil {
		return false
	}
	requirements, _ := p.NamespaceSelector.match.Requirements()
	for _, r := range requirements {
		if r.Key() != NamespaceNameLabel {
			return true
		}
	}
	return false
}
