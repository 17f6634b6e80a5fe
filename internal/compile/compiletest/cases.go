// SPDX-License-Identifier: Apache-2.0

// Package compiletest reads the cases of internal/compile/testdata: policies and endpoints, and
// the nft text that must come of them. It serves tests: the one that compares the text, and the
// one that loads it into a kernel.
package compiletest

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// Case is one directory: policies.yaml, endpoints.json and want.nft.
type Case struct {
	Name  string
	Input compile.Input
	// Ruleset is what the case compiles to, with generation 1 and epoch 1.
	Ruleset *ruleset.Ruleset
	// WantFile holds the text of Ruleset.
	WantFile string
}

// Cases compiles every case below dir.
func Cases(dir string) ([]Case, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*", "policies.yaml"))
	if err != nil {
		return nil, err
	}
	var out []Case
	for _, file := range files {
		c, err := read(filepath.Dir(file))
		if err != nil {
			return nil, fmt.Errorf("case %s: %w", filepath.Dir(file), err)
		}
		out = append(out, c)
	}
	return out, nil
}

func read(dir string) (Case, error) {
	documents, err := os.ReadFile(filepath.Join(dir, "policies.yaml"))
	if err != nil {
		return Case{}, err
	}
	in := compile.Input{Config: compile.DefaultConfig(),
		Policies: policy.Load([]policy.File{{Name: "policies.yaml", Data: documents}}, nil)}
	if len(in.Policies.Problems) > 0 {
		return Case{}, fmt.Errorf("policies: %v", in.Policies.Problems)
	}
	in.Config.Managed.Interfaces = []string{"br0"}
	in.Config.Managed.Prefixes = []string{"veth"}
	in.Config.Managed.Subnets = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/24"),
		netip.MustParsePrefix("fd00:1::/64")}
	if in.Endpoints, err = readEndpoints(filepath.Join(dir, "endpoints.json")); err != nil {
		return Case{}, err
	}
	r, conflicts := compile.Compile(in)
	if len(conflicts) > 0 {
		return Case{}, fmt.Errorf("conflicts: %v", conflicts)
	}
	return Case{Name: filepath.Base(dir), Input: in, WantFile: filepath.Join(dir, "want.nft"),
		Ruleset: in.Config.Stamped(r, compile.Stamp{Generation: 1, Epoch: 1})}, nil
}

// endpoint is an endpoint as a case writes it; without a port it is one of another node.
type endpoint struct {
	policy.Endpoint
	Port      string      `json:"port"`
	Bridge    string      `json:"bridge"`
	MAC       string      `json:"mac"`
	Isolated  bool        `json:"isolated"`
	Published []published `json:"published"`
}

type published struct {
	Host     netip.AddrPort `json:"host"`
	Protocol uint8          `json:"protocol"`
	Port     uint16         `json:"port"`
}

func readEndpoints(file string) ([]compile.Endpoint, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var list []endpoint
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("endpoints: %w", err)
	}
	var out []compile.Endpoint
	for i := range list {
		e := compile.Endpoint{Endpoint: &list[i].Endpoint}
		if list[i].Port != "" {
			if e.Local, err = list[i].local(); err != nil {
				return nil, fmt.Errorf("endpoint %s: %w", e.ID, err)
			}
		}
		out = append(out, e)
	}
	return out, nil
}

func (e *endpoint) local() (*compile.Local, error) {
	l := &compile.Local{Port: e.Port, Bridge: e.Bridge, Isolated: e.Isolated}
	mac, err := net.ParseMAC(e.MAC)
	if err != nil {
		return nil, err
	}
	copy(l.MAC[:], mac)
	for _, p := range e.Published {
		l.Published = append(l.Published, compile.Published(p))
	}
	return l, nil
}
