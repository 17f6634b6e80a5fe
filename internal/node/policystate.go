// SPDX-License-Identifier: Apache-2.0

package node

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulkhead-net/bulkhead/policy"
)

// PolicyStanding is what has become of a document.
type PolicyStanding string

// The standings.
const (
	// PolicyEnforced is in force as written.
	PolicyEnforced PolicyStanding = "enforced"
	// PolicyAudited decides nothing; what it would deny is counted.
	PolicyAudited PolicyStanding = "audited"
	// PolicyPartly is in force but for what its reasons name, which is closed.
	PolicyPartly PolicyStanding = "partly enforced"
	// PolicyRejected is not in force; its reasons say why, and what stands in its place.
	PolicyRejected PolicyStanding = "rejected"
	// PolicyWaiting is accepted, and not in the kernel yet.
	PolicyWaiting PolicyStanding = "waiting"
)

// PolicyState is one document of the policy directory and what has become of it.
type PolicyState struct {
	Ref  policy.Ref `json:"ref"`
	File string     `json:"file,omitempty"`
	Line int        `json:"line,omitempty"`

	Standing PolicyStanding `json:"standing"`
	Reasons  []string       `json:"reasons,omitempty"`
	// Generation is the kernel's generation that brought the version that is in force; 0 if there
	// was nothing to bring.
	Generation uint32 `json:"generation,omitempty"`
	// Selects is how many endpoints of the node it governs. A Segment and a Namespace govern none.
	Selects int `json:"selects"`
}

// version is which text of a document is in the kernel, and since when.
type version struct {
	Hash       string `json:"hash"`
	Generation uint32 `json:"generation"`
}

// PolicyStandings are all of them.
var PolicyStandings = []PolicyStanding{PolicyEnforced, PolicyAudited, PolicyPartly, PolicyRejected,
	PolicyWaiting}

const versionsFile = "versions.json"

func hashOf(d policy.Document) string {
	sum := sha256.Sum256(d.Raw)
	return hex.EncodeToString(sum[:16])
}

// loadVersions reads which documents the kernel has. Without it their generations are not known,
// which says nothing about what is enforced.
func (n *Node) loadVersions() {
	if n.versions != nil {
		return
	}
	n.versions = map[string]version{}
	if err := n.readJSON(versionsFile, &n.versions); err != nil {
		n.note(err.Error())
	}
	if n.versions == nil {
		n.versions = map[string]version{}
	}
}

// lacksVersions tells whether a document is in force since nobody knows when.
func (n *Node) lacksVersions() bool {
	return slices.ContainsFunc(n.set.Documents, func(d policy.Document) bool {
		return n.versions[d.Ref.String()].Hash != hashOf(d)
	})
}

// hasUndated tells whether a document was accepted while there was nothing to govern.
func (n *Node) hasUndated() bool {
	for _, v := range n.versions {
		if v.Generation == 0 {
			return true
		}
	}
	return false
}

// keepVersions notes which documents a generation has brought into force.
func (n *Node) keepVersions(generation uint32) error {
	now := map[string]version{}
	for _, d := range n.set.Documents {
		v, ref := version{hashOf(d), generation}, d.Ref.String()
		if old := n.versions[ref]; old.Hash == v.Hash && old.Generation > 0 {
			v = old
		}
		now[ref] = v
	}
	n.versions, n.counts = now, nil
	if err := writeJSON(n.path(versionsFile), now); err != nil {
		return fmt.Errorf("versions of policies: %w", err)
	}
	return nil
}

// PolicyStates tells about every document that was found or is in force, by kind and name.
func (n *Node) PolicyStates() []PolicyState {
	states := n.standings()
	for _, p := range n.set.Policies {
		s := states[p.Ref]
		for i := range n.attachments {
			if n.set.Selects(p, &n.attachments[i].Endpoint) {
				s.Selects++
			}
		}
	}
	var out []PolicyState
	for _, s := range states {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b PolicyState) int {
		return cmp.Or(strings.Compare(a.Ref.Kind, b.Ref.Kind),
			strings.Compare(a.Ref.String(), b.Ref.String()))
	})
	return out
}

// PolicyCounts counts the documents by what has become of them. What is rejected before anybody
// can tell which document it is counts too.
func (n *Node) PolicyCounts() map[PolicyStanding]int {
	if n.counts == nil {
		n.counts = map[PolicyStanding]int{}
		for _, s := range n.standings() {
			n.counts[s.Standing]++
		}
		for _, p := range n.set.Problems {
			if p.Severity == policy.SeverityError && !named(p.Ref) {
				n.counts[PolicyRejected]++
			}
		}
	}
	return maps.Clone(n.counts)
}

// standings are the states but for whom the policies select.
func (n *Node) standings() map[policy.Ref]*PolicyState {
	states := map[policy.Ref]*PolicyState{}
	state := func(r policy.Ref) *PolicyState {
		if states[r] == nil {
			states[r] = &PolicyState{Ref: r}
		}
		return states[r]
	}
	for _, d := range n.set.Documents {
		s := state(d.Ref)
		s.File, s.Line, s.Standing = d.File, d.Line, PolicyWaiting
		if v := n.versions[d.Ref.String()]; v.Hash == hashOf(d) {
			s.Standing, s.Generation = PolicyEnforced, v.Generation
		}
	}
	for _, p := range n.set.Policies {
		if s := state(p.Ref); p.Mode == policy.Audit && s.Standing == PolicyEnforced {
			s.Standing = PolicyAudited
		}
	}
	for _, p := range n.set.Problems {
		if named(p.Ref) {
			state(p.Ref).add(p)
		}
	}
	return states
}

// named tells whether a problem says which document it is of.
func named(r policy.Ref) bool { return r.Kind != "" && r.Name != "" }

// add takes a finding into account. An error is about the text that was found last; the version
// that stands in its place keeps its generation.
func (s *PolicyState) add(p policy.Problem) {
	if s.File == "" {
		s.File, s.Line = p.Position.File, p.Position.Line
	}
	switch {
	case p.Severity == policy.SeverityError:
		s.Standing = PolicyRejected
	case p.Severity == policy.SeverityNotEnforced && s.Standing != PolicyRejected:
		s.Standing = PolicyPartly
	}
	s.Reasons = append(s.Reasons, p.String())
}
