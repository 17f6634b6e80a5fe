// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// guarded is a site where only a may reach b on port 80, all attached.
func guarded(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	s.policies(t, onlyAReachesB)
	for _, name := range []string{"a", "b", "c"} {
		s.attach(t, name)
	}
	return s
}

// isGuarded proves both halves: what is allowed passes, what is not does not.
func (s *site) isGuarded(t *testing.T) {
	t.Helper()
	s.reach(t, "a", "10.1.0.3:80", nil)
	s.reach(t, "c", "10.1.0.3:80", testnet.ErrTimeout)
	s.reach(t, "c", "[fd00:1::3]:80", testnet.ErrTimeout)
}

func TestApplyRepairs(t *testing.T) {
	faults := map[string]func(*testing.T, *site){
		"flush ruleset": func(t *testing.T, s *site) { s.net.Nft(t, "flush ruleset") },
		"one table gone": func(t *testing.T, s *site) {
			s.net.Nft(t, "delete table ip6 bulkhead")
		},
		"an element gone": func(t *testing.T, s *site) {
			s.net.Nft(t, `delete element ip bulkhead addresses { 10.1.0.3 }`)
		},
		"a rule too much": func(t *testing.T, s *site) {
			s.net.Nft(t, `insert rule ip bulkhead forward accept`)
		},
		"another generation": func(t *testing.T, s *site) {
			s.net.Nft(t, `flush set ip bulkhead generation
add element ip bulkhead generation { 0x77 }`)
		},
		"state directory lost": func(t *testing.T, s *site) {
			for _, name := range []string{"installed", "next", "documents.json"} {
				if err := os.RemoveAll(filepath.Join(s.options.StateDir, name)); err != nil {
					t.Fatal(err)
				}
			}
		},
		"installed corrupt": func(t *testing.T, s *site) {
			corrupt(t, filepath.Join(s.options.StateDir, "installed"))
		},
		"documents corrupt": func(t *testing.T, s *site) {
			corrupt(t, filepath.Join(s.options.StateDir, "documents.json"))
		},
		"killed after the commit": func(t *testing.T, s *site) {
			// As a process leaves it that dies between its commit and its record.
			dir := s.options.StateDir
			if err := os.Rename(filepath.Join(dir, "installed"), filepath.Join(dir, "next")); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			s := guarded(t)
			s.isGuarded(t)
			fault(t, s)
			s.do(t, apply)
			s.isGuarded(t)
			if r := s.do(t, apply); r.Changed {
				t.Errorf("second apply: got %+v, want no change", r)
			}
		})
	}
}

func corrupt(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data[:len(data)/2], 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCorruptStateIsSetAside(t *testing.T) {
	s := guarded(t)
	path := filepath.Join(s.options.StateDir, "installed")
	corrupt(t, path)
	s.do(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
		r, err := n.Apply(ctx)
		if notes := strings.Join(n.Notes(), "\n"); !strings.Contains(notes, path) {
			t.Errorf("notes: got %q, want %s named", notes, path)
		}
		return r, err
	})
	if _, err := os.Stat(path + ".corrupt"); err != nil {
		t.Errorf("set aside: %v", err)
	}
}

// A corrupt base configuration must not open what it closed.
func TestCorruptConfigStops(t *testing.T) {
	s := newSite(t)
	s.do(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
		c := n.Config()
		c.Managed = compile.Managed{Kinds: []string{"veth"}}
		return n.SetConfig(ctx, c)
	})
	s.boxes["c"].Serve(t, "tcp", 80)
	s.reach(t, "a", "10.2.0.2:80", testnet.ErrTimeout)
	corrupt(t, filepath.Join(s.options.StateDir, "config.json"))
	for range 2 { // the second process must not find the file gone
		if n, err := node.Open(t.Context(), s.options); err == nil {
			t.Error("open: got no error")
			n.Close()
		}
	}
	s.reach(t, "a", "10.2.0.2:80", testnet.ErrTimeout)
}

func TestPolicyDirectoryGone(t *testing.T) {
	s := guarded(t)
	if err := os.RemoveAll(s.options.PolicyDir); err != nil {
		t.Fatal(err)
	}
	n, err := node.Open(t.Context(), s.options)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Apply(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("apply: got %v, want %v", err, fs.ErrNotExist)
	}
	if _, err := n.Attach(t.Context(), s.attachment("a")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("attach: got %v, want %v", err, fs.ErrNotExist)
	}
	n.Close()
	s.detach(t, "c") // goes on with the last good policies
	s.reach(t, "a", "10.1.0.3:80", nil)
	s.reach(t, "c", "10.1.0.3:80", testnet.ErrTimeout)
}

func TestAddressConflict(t *testing.T) {
	s := guarded(t)
	thief := s.attachment("c")
	thief.Endpoint.Addresses = s.plugs["b"].Addresses
	n, err := node.Open(t.Context(), s.options)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if _, err := n.Attach(t.Context(), thief); !errors.Is(err, node.ErrConflict) ||
		!strings.Contains(err.Error(), "shop/b") {
		t.Errorf("attach: got %v, want a conflict that names shop/b", err)
	}
	s.reach(t, "a", "10.1.0.3:80", nil)
}

// The holder of an address whose interface is gone makes way: its DEL was never called.
func TestStaleHolderIsEvicted(t *testing.T) {
	s := guarded(t)
	s.net.Run(t, "ip", "link", "del", s.plugs["b"].HostInterface)
	heir := s.attachment("c")
	heir.Endpoint.Addresses = append(heir.Endpoint.Addresses, s.plugs["b"].Addresses...)
	r := s.do(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
		return n.Attach(ctx, heir)
	})
	if len(r.Conflicts) > 0 {
		t.Errorf("conflicts: got %v, want none", r.Conflicts)
	}
}

func TestUninstall(t *testing.T) {
	s := newSite(t)
	for _, sysctl := range []string{"iptables", "ip6tables"} {
		s.net.Sysctl(t, "net/bridge/bridge-nf-call-"+sysctl, "0")
	}
	s.net.Nft(t, "table inet foreign { chain c { type filter hook forward priority 0; }\n}")
	s.policies(t, onlyAReachesB)
	before := s.net.Run(t, "nft", "list", "ruleset") + s.net.Run(t, "ip", "-d", "link", "show", "br0")
	s.attach(t, "a")
	s.attach(t, "b")
	on := s.net.Run(t, "ip", "-d", "link", "show", "br0")
	if !strings.Contains(on, "nf_call_iptables 1") {
		t.Errorf("bridge while attached: got %s", on)
	}
	s.do(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
		return node.Report{}, n.Uninstall(ctx)
	})
	after := s.net.Run(t, "nft", "list", "ruleset") + s.net.Run(t, "ip", "-d", "link", "show", "br0")
	if stable(before) != stable(after) {
		t.Errorf("after uninstall: got\n%s\nwant\n%s", after, before)
	}
	left, err := os.ReadDir(s.options.StateDir)
	if err != nil || len(left) > 1 {
		t.Errorf("state directory: got %v, %v, want the lock alone", left, err)
	}
}

// stable drops the bridge's running timers from a listing.
func stable(listing string) string {
	fields := strings.Fields(listing)
	for i, f := range fields {
		if strings.HasSuffix(f, "_timer") && i+1 < len(fields) {
			fields[i+1] = ""
		}
	}
	return strings.Join(fields, " ")
}

// A link has one container: whoever is attached to it now takes the place of a former one, whose
// address must not be left to it.
func TestFormerOwnerOfALinkIsEvicted(t *testing.T) {
	s := guarded(t)
	former := s.attachment("c")
	former.ContainerID = "former"
	former.Endpoint.ID = endpoint.ID("former", "eth0")
	former.Endpoint.Addresses = []netip.Addr{netip.MustParseAddr("10.2.0.77")}
	s.detach(t, "c")
	s.do(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
		return n.Attach(ctx, former)
	})
	s.attach(t, "c")
	if rules := s.net.Run(t, "nft", "list", "set", "ip", "bulkhead", "bind"); strings.Contains(rules,
		"10.2.0.77") {
		t.Errorf("bind: got %s, want nothing of the former owner", rules)
	}
}

// Many processes at once: every attachment of each is there in the end, and nothing else.
func TestParallelProcesses(t *testing.T) {
	s := newSite(t)
	s.policies(t, onlyAReachesB)
	s.boxes["b"].Serve(t, "tcp", 80)
	var group sync.WaitGroup
	for range 4 {
		for _, name := range []string{"a", "b", "c"} {
			group.Go(func() {
				n, err := node.Open(t.Context(), s.options)
				if err != nil {
					t.Error(err)
					return
				}
				defer n.Close()
				if _, err := n.Attach(t.Context(), s.attachment(name)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	group.Wait()
	s.isGuarded(t)
}

func TestLockTimeout(t *testing.T) {
	s := newSite(t)
	first, err := node.Open(t.Context(), s.options)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	o := s.options
	o.LockTimeout = 50 * time.Millisecond
	if _, err := node.Open(t.Context(), o); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("second open: got %v, want %v", err, context.DeadlineExceeded)
	}
}
