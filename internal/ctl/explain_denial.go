// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/policyversions"
	"github.com/bulkhead-net/bulkhead/internal/query"
	"github.com/bulkhead-net/bulkhead/policy"
)

// denialExplained is a record beside the policies of then and of now. It is also the form of the
// JSON.
type denialExplained struct {
	Record flow.Record `json:"record"`
	// Verdict is the record's decision in words.
	Verdict string    `json:"verdict"`
	Then    judgement `json:"then"`
	Now     judgement `json:"now"`
	// Allowed says that the same flow is accepted now, and AllowedSince since when.
	Allowed      bool   `json:"allowed"`
	AllowedSince string `json:"allowedSince,omitempty"`
}

// judgement is what the policies of one moment say about the flow.
type judgement struct {
	// Policies is the hash of the documents.
	Policies string              `json:"policies,omitempty"`
	Law      *policy.Explanation `json:"law,omitempty"`
	// Why says why nothing is judged.
	Why   string   `json:"why,omitempty"`
	Notes []string `json:"notes"`
}

// explainDenial explains the record of an id.
func explainDenial(dir, id string, o node.Options, s cli.Streams, output *cli.Output) error {
	r, err := records{dir, s.Err}.find(id)
	if err != nil {
		return err
	}
	v, states, err := glance(o)
	if err != nil {
		return err
	}
	x := v.explainRecord(r, filepath.Join(dir, policyversions.DirName), states)
	if output.JSON() {
		return cli.WriteJSON(s.Out, x)
	}
	return x.write(s.Out)
}

// glance is a view without the kernel, and what has become of the documents.
func glance(o node.Options) (v view, states []node.PolicyState, err error) {
	n, err := openReadOnly(o)
	if err != nil {
		return view{}, nil, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	return view{attachments: n.Attachments(), policies: n.Policies()}, n.PolicyStates(), nil
}

func (v view) explainRecord(r flow.Record, versions string,
	states []node.PolicyState) denialExplained {
	x := denialExplained{Record: r}
	x.Then.Policies, x.Then.Notes, x.Now.Notes = r.Policies, []string{}, []string{}
	x.Now.Policies, _ = policyversions.Hash(v.policies)
	then, why := policiesThen(versions, r.Policies)
	x.Verdict = verdictText(&r, then)
	x.Then.Why = why
	if why := askable(&r); why != "" {
		x.Then.Why, x.Now.Why = why, why
		return x
	}
	switch {
	case r.Reason == flow.ReasonQuarantine:
		x.Then.Why = "an end was in quarantine, and no policy is asked before that ends"
	case then != nil:
		a := v.flowThen(&r)
		law := then.Explain(a.flow)
		x.Then.Law, x.Then.Notes = &law, append(x.Then.Notes, a.notes...)
		if !agrees(law, &r) {
			x.Then.Notes = append(x.Then.Notes, "asked again, the policies of then say otherwise; "+
				"the record tells what the kernel did")
		}
	}
	a := v.flowNow(&r)
	law := v.policies.Explain(a.flow)
	x.Now.Law, x.Now.Notes = &law, append(x.Now.Notes, a.notes...)
	if r.Kind == flow.Denied && law.Decision.Action == policy.Accept {
		x.Allowed, x.AllowedSince = true, since(law.Decision, &r, states)
	}
	return x
}

// policiesThen are the policies of a hash, or why they are not known.
func policiesThen(dir, hash string) (*policy.Set, string) {
	if hash == "" {
		return nil, "the record does not name the policies of then"
	}
	set, err := policyversions.Load(dir, hash)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "the policies of then are not kept any more"
	}
	if err != nil {
		return nil, err.Error()
	}
	return set, ""
}

// agrees tells whether the law says what the record tells.
func agrees(x policy.Explanation, r *flow.Record) bool {
	if r.Kind == flow.WouldDeny {
		return len(x.Decision.WouldDeny) > 0
	}
	for _, d := range x.Directions {
		if d.Direction == r.Direction {
			return d.Decision.Action != policy.Accept && string(d.Decision.Reason) == string(r.Reason)
		}
	}
	return false
}

// since tells since when a flow is allowed that was refused: since the document is in force whose
// rule accepts it, or, where none does, at some time after the refusal.
func since(d policy.Decision, r *flow.Record, states []node.PolicyState) string {
	if d.Rule != nil {
		for _, s := range states {
			if s.Ref == d.Rule.Policy && s.Generation > r.Generation {
				return fmt.Sprintf("generation %d, by %s", s.Generation, d.Rule)
			}
		}
	}
	return fmt.Sprintf("some generation after %d", r.Generation)
}

func (x denialExplained) write(w io.Writer) error {
	var b strings.Builder
	r := &x.Record
	fmt.Fprintf(&b, "%s %s: %s, %s\n\n", cli.Printable(string(r.Kind)), cli.Printable(r.ID),
		cli.Printable(query.FlowText(r)), count(int(r.Packets+r.Lost), "packet"))
	if err := cli.WriteTable(&b, [][]string{partyRow("  from", &r.Client),
		partyRow("  to", &r.Server)}); err != nil {
		return err
	}
	b.WriteByte('\n')
	rows := [][]string{{"  time", stamp(r.Start) + " to " + stamp(r.End)},
		{"  verdict", fmt.Sprintf("%s of %s: %s", r.Direction, query.PartyText(query.Subject(r)),
			string(r.Action))},
		{"  why", x.Verdict},
		{"  counted", fmt.Sprintf("by %s, generation %d, told by the %s", counterText(r.Counter),
			r.Generation, r.Source)}}
	if x.Allowed {
		rows = append(rows, []string{"  now", "already allowed since " + x.AllowedSince})
	} else if x.Now.Law != nil && r.Kind == flow.Denied {
		rows = append(rows, []string{"  now", "still refused"})
	}
	if err := cli.WriteTable(&b, rows); err != nil {
		return err
	}
	x.Then.write(&b, "then")
	if x.same() {
		b.WriteString("\nnow: the same policies say the same\n")
	} else {
		x.Now.write(&b, "now")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// same tells whether now is then: the same documents, and nothing else to say by them.
func (x denialExplained) same() bool {
	return x.Then.Law != nil && x.Now.Law != nil && x.Then.Policies == x.Now.Policies &&
		x.Then.Law.String() == x.Now.Law.String() && slices.Equal(x.Then.Notes, x.Now.Notes)
}

func (j judgement) write(b *strings.Builder, when string) {
	title := when
	if len(j.Policies) >= 12 {
		title += ", by the policies " + j.Policies[:12]
	}
	fmt.Fprintf(b, "\n%s: ", cli.Printable(title))
	if j.Law == nil {
		fmt.Fprintf(b, "not judged, %s\n", cli.Printable(j.Why))
	} else {
		b.WriteString(printableLaw(*j.Law))
	}
	for _, note := range j.Notes {
		fmt.Fprintf(b, "  note: %s\n", cli.Printable(note))
	}
}

// partyRow is an end with all that is known of it.
func partyRow(role string, p *flow.Party) []string {
	row := []string{role, query.PartyText(p), "", "", strings.Join(labelList(p.Labels), ", ")}
	if p.ID != "" && p.Interface != "" {
		row[1] += "@" + p.Interface
	}
	if p.Addr.IsValid() {
		row[2] = p.Addr.String()
	}
	if p.Port != 0 {
		row[2] += fmt.Sprintf(" port %d", p.Port)
	}
	if p.Device != "" {
		row[3] = "at " + p.Device
	}
	return row
}
