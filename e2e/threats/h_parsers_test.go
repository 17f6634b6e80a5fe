// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
	"github.com/bulkhead-net/bulkhead/policy"
)

// pieces of text that parsers stumble over.
var stumbling = []string{"&a [*a]", "{", "}", "[", "]", "\x00", "\xff\xfe", "null", "~", "---",
	"!!binary", "- ", ": ", "999999999999999999999", "-1", "0x1F", "1e400", "::", "/129", "'", "\"",
	"\t", "${x}",
	"<<: *a", "\u2028", strings.Repeat("[", 200), strings.Repeat("a", 5000), "\\", "%", "|\n", "> "}

// spoil changes a text in a few places.
func spoil(r *rand.Rand, text []byte) []byte {
	out := append([]byte(nil), text...)
	for range 1 + r.IntN(4) {
		if len(out) == 0 {
			return out
		}
		at := r.IntN(len(out))
		end := min(len(out), at+r.IntN(12))
		switch r.IntN(4) {
		case 0:
			out = append(out[:at:at], out[end:]...)
		case 1:
			out[at] ^= byte(1 << r.IntN(8))
		case 2:
			piece := stumbling[r.IntN(len(stumbling))]
			out = append(out[:at:at], append([]byte(piece), out[at:]...)...)
		default:
			out = append(out[:end:end], out[at:]...)
		}
	}
	return out
}

// within runs f, which must neither panic nor take long.
func within(t *testing.T, limit time.Duration, input []byte, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				t.Errorf("panic: %v on\n%q", p, input)
			}
		}()
		f()
	}()
	select {
	case <-done:
	case <-time.After(limit):
		t.Fatalf("no end after %s on\n%q", limit, input)
	}
}

// No text makes a parser panic or hang, and none opens what was closed. The fuzz targets of the
// packages (policy, plugin, endpoint, ruleset, nft, link) search deeper; this holds them together.
func TestThreat148(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 148))
	seeds := [][]byte{[]byte(isolate("b") + admit("b", "a", "[{port: 80}]") + hostClosed + segments),
		[]byte(cluster("p", "Admin", 5, "Deny 10.0.0.0/8", "Accept fd00::/8")), []byte(onlyIPv4)}
	examples, err := filepath.Glob("../../docs/examples/*.yaml")
	if err != nil || len(examples) == 0 {
		t.Fatal(examples, err)
	}
	for _, name := range examples {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		seeds = append(seeds, text)
	}
	rejected := 0
	for range 1500 {
		text := spoil(r, seeds[r.IntN(len(seeds))])
		within(t, 5*time.Second, text, func() {
			set := policy.Load([]policy.File{{Name: "fuzz.yaml", Data: text}}, nil)
			if len(set.Problems) > 0 {
				rejected++
			}
		})
	}
	if rejected < 100 {
		t.Errorf("rejected: got %d of 1500, want many: nothing was spoilt", rejected)
	}
}

// A registry with spoilt files opens nothing, and the rest of it stays in force.
func TestThreat148Registry(t *testing.T) {
	s := newSite(t)
	s.serveAll(t)
	s.manage(t, managed)
	s.policies(t, isolate("b"))
	s.attach(t)
	s.reachBoth(t, "a", "d", nil)
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1480))
	file, text := s.record(t, "b")
	for i := range 60 {
		spoilt := spoil(r, text)
		if err := os.WriteFile(file, spoilt, 0o600); err != nil {
			t.Fatal(err)
		}
		s.apply(t)
		if i%20 == 0 {
			s.noWay(t, "a", "b")
			s.reachBoth(t, "a", "d", nil)
		}
		s.operate(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
			return n.Attach(ctx, s.attachment("b"))
		})
	}
	s.operate(t, func(_ context.Context, n *node.Node) (node.Report, error) {
		if got := len(n.Attachments()); got != len(members) {
			t.Errorf("seed %d: attachments: got %d, want %d", seed, got, len(members))
		}
		return node.Report{}, nil
	})
}

// noWay demands that nothing gets through. An endpoint whose record is spoilt is nobody, and nobody
// answers discovery: then the address is unreachable, which is as closed.
func (s *site) noWay(t testing.TB, from, to string) {
	t.Helper()
	for _, six := range both {
		at := portAt(to, six, 80).String()
		got := s.boxes[from].Dial("tcp", at, 0)
		if !errors.Is(got, testnet.ErrTimeout) && !errors.Is(got, testnet.ErrUnreachable) {
			t.Errorf("%s -> %s: got %v, want no way through", from, at, got)
		}
	}
}

// record is the file of the registry that holds a container.
func (s *site) record(t testing.TB, name string) (file string, text []byte) {
	t.Helper()
	err := filepath.WalkDir(s.options.StateDir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), `"containerID": "`+strings.Repeat(name, 12)+`"`) {
			file, text = path, data
		}
		return err
	})
	if err != nil || file == "" {
		t.Fatalf("file of %s: %q, %v", name, file, err)
	}
	return file, text
}
