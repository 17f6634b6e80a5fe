// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"context"
	"net/netip"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/node"
)

func (e Environment) quarantine(f *cli.Flags) cli.Action {
	output, o := f.Output(), e.places(f)
	allowed := f.List("allow-from", "`CIDR` or address that may still connect to the endpoint; "+
		"may be repeated")
	return func(ctx context.Context, arguments []string, s cli.Streams) error {
		blocks, err := parseBlocks(allowed.Values)
		if err != nil {
			return err
		}
		if err := oneEndpoint(arguments); err != nil {
			return err
		}
		return e.carryOut(ctx, *o, arguments[0], s, output, order{
			request: func(id string) agentapi.Request {
				return agentapi.Request{Verb: agentapi.VerbQuarantine,
					Quarantine: &agentapi.Quarantine{Endpoint: id, AllowFrom: blocks}}
			},
			do: func(ctx context.Context, n *node.Node, id string) (node.Report, error) {
				return n.Quarantine(ctx, id, blocks, endpoint.QuarantineRequested)
			},
			state: orderResult.confinement,
		})
	}
}

func (e Environment) release(f *cli.Flags) cli.Action {
	output, o := f.Output(), e.places(f)
	return func(ctx context.Context, arguments []string, s cli.Streams) error {
		if err := oneEndpoint(arguments); err != nil {
			return err
		}
		return e.carryOut(ctx, *o, arguments[0], s, output, order{
			request: func(id string) agentapi.Request {
				return agentapi.Request{Verb: agentapi.VerbRelease,
					Release: &agentapi.Release{Endpoint: id}}
			},
			do: func(ctx context.Context, n *node.Node, id string) (node.Report, error) {
				return n.Release(ctx, id)
			},
			state: orderResult.confinement,
		})
	}
}

func oneEndpoint(arguments []string) error {
	if len(arguments) != 1 {
		return cli.Usagef("found %s, wanted ENDPOINT", count(len(arguments), "argument"))
	}
	return nil
}

// confinement is what holds after quarantine and release.
func (r orderResult) confinement() string {
	if r.Quarantine == nil {
		return "released, policy judges it again"
	}
	return "in quarantine, " + admitted(r.Quarantine.AllowFrom)
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
