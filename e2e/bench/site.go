// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// site is a node with many endpoints and policies.
type site struct {
	net     *testnet.Net
	options node.Options
	// agent is the socket of the site's agent, empty without one; config its configuration file.
	agent, config string
}

// newSite makes a node in a namespace of its own. Policy i is about the endpoints of app i%50,
// in a file of its own.
func newSite(r *rig, policies int) *site {
	dir := need(os.MkdirTemp("/run", "bench-"))
	r.Cleanup(func() { os.RemoveAll(dir) })
	s := &site{net: testnet.New(r)}
	s.options = node.Options{StateDir: filepath.Join(dir, "state"),
		PolicyDir: filepath.Join(dir, "policies"), NetNS: s.net.FD()}
	must(os.Mkdir(s.options.PolicyDir, 0o700))
	for i := range policies {
		s.writePolicy(i, i)
	}
	return s
}

// writePolicy writes the i-th policy as the policy of that number says it.
func (s *site) writePolicy(i, as int) {
	text := servicePolicy(as, fmt.Sprintf("app%d", i%50))
	path := filepath.Join(s.options.PolicyDir, fmt.Sprintf("p%05d.yaml", i))
	must(os.WriteFile(path, []byte(text), 0o600))
}

// populate registers endpoints and makes the kernel follow once.
func (s *site) populate(endpoints int) {
	s.register(endpoints)
	s.with(func(ctx context.Context, n *node.Node) error {
		_, err := n.Apply(ctx)
		return err
	})
}

// with opens the node, as every process does, and closes it. It returns how long all took.
func (s *site) with(f func(context.Context, *node.Node) error) time.Duration {
	start := time.Now()
	n := need(node.Open(background, s.options))
	err := f(background, n)
	if cerr := n.Close(); err == nil {
		err = cerr
	}
	must(err)
	return time.Since(start)
}

// input is what the node compiles.
func (s *site) input() compile.Input {
	var in compile.Input
	s.with(func(_ context.Context, n *node.Node) error {
		in = n.Input()
		return nil
	})
	return in
}

// withEndpoint is the input with one more endpoint.
func withEndpoint(in compile.Input, i int) compile.Input {
	a := attachmentOf(i)
	e := compile.Endpoint{Endpoint: &a.Endpoint, Local: &compile.Local{Port: a.HostInterface,
		MAC: [6]byte{2, 0, 0, 0, byte(i >> 8), byte(i)}}}
	in.Endpoints = append(append([]compile.Endpoint(nil), in.Endpoints...), e)
	return in
}
