// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// TestOddPolicyFiles: what is no file of text neither hangs a process nor stops the other files,
// and a policy whose file has become one stays in force.
func TestOddPolicyFiles(t *testing.T) {
	s := newSite(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	s.policies(t, onlyAReachesB)
	for _, name := range []string{"a", "b", "c"} {
		s.attach(t, name)
	}
	s.reach(t, "c", "10.1.0.3:80", testnet.ErrTimeout)
	at := func(name string) string { return filepath.Join(s.options.PolicyDir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Remove(at("test.yaml")))
	must(syscall.Mkfifo(at("test.yaml"), 0o600))
	must(os.Symlink("/dev/zero", at("endless.yaml")))
	must(os.Mkdir(at("directory.yaml"), 0o700))
	socket, err := net.Listen("unix", at("socket.yaml"))
	must(err)
	defer socket.Close()
	must(os.WriteFile(at("large.yaml"), nil, 0o600))
	must(os.Truncate(at("large.yaml"), 1<<40))
	must(os.WriteFile(at("good.yaml"), []byte(strings.NewReplacer("name: b,", "name: a,",
		"app: b", "app: a", "app: a", "app: b").Replace(onlyAReachesB)), 0o600))
	s.boxes["a"].Serve(t, "tcp", 80)
	s.reach(t, "c", "10.1.0.2:80", nil)
	start := time.Now()
	s.do(t, apply)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("apply: took %v", took)
	}
	s.reach(t, "c", "10.1.0.3:80", testnet.ErrTimeout) // by the last good version
	s.reach(t, "a", "10.1.0.3:80", nil)
	s.reach(t, "c", "10.1.0.2:80", testnet.ErrTimeout) // by the good file
	problems := s.problems(t)
	for _, name := range []string{"test.yaml", "endless.yaml", "socket.yaml", "large.yaml"} {
		if !strings.Contains(problems, at(name)) {
			t.Errorf("problems: got %s, want %s named", problems, name)
		}
	}
}

func (s *site) problems(t *testing.T) string {
	t.Helper()
	n, err := node.OpenReadOnly(s.options)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	var out strings.Builder
	for _, p := range n.Policies().Problems {
		out.WriteString(p.String() + "\n")
	}
	return out.String()
}
