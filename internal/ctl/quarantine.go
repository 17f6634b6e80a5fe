// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/node"
)

// quarantineResult is the form of the JSON of quarantine and release.
type quarantineResult struct {
	ID       string `json:"id"`
	Endpoint string `json:"endpoint"`
	// Quarantine is what holds now; absent for an endpoint that was released.
	Quarantine *node.Quarantined `json:"quarantine,omitempty"`
	Generation uint32            `json:"generation"`
	Changed    bool              `json:"changed"`
	Operations int               `json:"operations"`
	Flipped    bool              `json:"flipped"`
	Rebuilt    string            `json:"rebuilt,omitempty"`
	// NotEnforced says why the kernel does not do it; empty when it does.
	NotEnforced string `json:"notEnforced,omitempty"`
}

// order is what a command tells the node to do with the endpoint of that id.
type order func(ctx context.Context, n *node.Node, id string) (node.Report, error)

func (e Environment) quarantine(f *cli.Flags) cli.Action {
	output, o := f.Output(), e.places(f)
	allowed := f.List("allow-from", "`CIDR` or address that may still connect to the endpoint; "+
		"may be repeated")
	return func(ctx context.Context, arguments []string, s cli.Streams) error {
		blocks, err := parseBlocks(allowed.Values)
		if err != nil {
			return err
		}
		return carryOut(ctx, *o, arguments, s, output,
			func(ctx context.Context, n *node.Node, id string) (node.Report, error) {
				return n.Quarantine(ctx, id, blocks, endpoint.QuarantineRequested)
			})
	}
}

func (e Environment) release(f *cli.Flags) cli.Action {
	output, o := f.Output(), e.places(f)
	return func(ctx context.Context, arguments []string, s cli.Streams) error {
		return carryOut(ctx, *o, arguments, s, output,
			func(ctx context.Context, n *node.Node, id string) (node.Report, error) {
				return n.Release(ctx, id)
			})
	}
}

// parseBlocks accepts a block in its one spelling: host bits may be a slip that lets in too many.
func parseBlocks(texts []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if a, aerr := netip.ParseAddr(text); aerr == nil && a.Zone() == "" {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil || p != p.Masked() || p.Addr().Is4In6() {
			return nil, cli.Usagef("--allow-from %q: accepted are an address and a CIDR without "+
				"host bits, e.g. 192.0.2.9 and 10.0.0.0/8", text)
		}
		out = append(out, p)
	}
	return out, nil
}

func carryOut(ctx context.Context, o node.Options, arguments []string, s cli.Streams,
	output *cli.Output, do order) error {
	if len(arguments) != 1 {
		return cli.Usagef("found %s, wanted ENDPOINT", count(len(arguments), "argument"))
	}
	r, err := carryOutNow(ctx, o, arguments[0], do)
	if err != nil {
		return err
	}
	if err := r.write(s.Out, output); err != nil {
		return err
	}
	if r.NotEnforced != "" {
		return cli.ErrFindings
	}
	return nil
}

// carryOutNow finds the endpoint and gives the order under one lock, so that the name cannot have
// become another's in between.
func carryOutNow(ctx context.Context, o node.Options, name string,
	do order) (r quarantineResult, err error) {
	n, err := node.Open(ctx, o)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	a, err := view{attachments: n.Attachments()}.endpoint(name)
	if err != nil {
		return r, err
	}
	report, err := do(ctx, n, a.Endpoint.ID)
	if err != nil {
		return r, err
	}
	r = quarantineResult{ID: a.Endpoint.ID, Endpoint: title(a), Generation: report.Generation,
		Changed: report.Changed, Operations: report.Operations, Flipped: report.Flipped,
		Rebuilt: report.Rebuilt}
	return r, r.ask(ctx, n)
}

// ask learns what holds now, from the node and from the kernel.
func (r *quarantineResult) ask(ctx context.Context, n *node.Node) error {
	status, err := n.Status()
	if err != nil {
		return err
	}
	if q, ok := status.Quarantined[r.ID]; ok {
		r.Quarantine = &q
	}
	drift, err := n.Verify(ctx)
	if err != nil {
		return err
	}
	r.NotEnforced = status.NotEnforced[r.ID]
	if len(drift) > 0 {
		r.NotEnforced = fmt.Sprintf("the kernel is not as desired: %s, the first: %s; "+
			"bulkheadctl apply repairs it", count(len(drift), "difference"), drift[0])
	}
	return nil
}

func (r quarantineResult) write(w io.Writer, o *cli.Output) error {
	if o.JSON() {
		return cli.WriteJSON(w, r)
	}
	state := "released, policy judges it again"
	if r.Quarantine != nil {
		state = "in quarantine, " + admitted(r.Quarantine.AllowFrom)
	}
	if r.NotEnforced != "" {
		state += "; not enforced: " + r.NotEnforced
	}
	summary := applyResult{Changed: r.Changed, Operations: r.Operations, Flipped: r.Flipped,
		Rebuilt: r.Rebuilt}.summary()
	_, err := fmt.Fprintf(w, "%s: %s\ngeneration %d: %s\n", cli.Printable(r.Endpoint),
		cli.Printable(state), r.Generation, summary)
	return err
}

// admitted says whom a quarantine lets in.
func admitted(blocks []netip.Prefix) string {
	if len(blocks) == 0 {
		return "closed to everybody"
	}
	texts := make([]string, len(blocks))
	for i, b := range blocks {
		texts[i] = b.String()
	}
	return "open to " + strings.Join(texts, ", ") + " alone"
}
