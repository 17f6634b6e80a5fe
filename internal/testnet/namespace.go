// SPDX-License-Identifier: Apache-2.0

package testnet

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Namespace is one network namespace with its loopback up.
type Namespace struct {
	// Name is for messages of tests only; the kernel does not know it.
	Name string
	file *os.File
	link *netlink.Handle
}

// NewNamespace makes a network namespace that lives until the test ends.
func NewNamespace(t testing.TB, name string) *Namespace {
	t.Helper()
	file, err := unshare()
	if err != nil {
		t.Fatalf("namespace %s: %v", name, err)
	}
	t.Cleanup(func() { file.Close() })
	h, err := netlink.NewHandleAt(netns.NsHandle(int(file.Fd())), unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatalf("namespace %s: %v", name, err)
	}
	t.Cleanup(h.Close)
	n := &Namespace{Name: name, file: file, link: h}
	// Duplicate address detection holds a new IPv6 address back for a second or more.
	for _, conf := range []string{"all", "default"} {
		n.Sysctl(t, "net/ipv6/conf/"+conf+"/accept_dad", "0")
		n.Sysctl(t, "net/ipv6/conf/"+conf+"/dad_transmits", "0")
	}
	// Every namespace may reject far more than the default of one ICMP error a second, or a
	// test of many rejected flows sees timeouts.
	n.Sysctl(t, "net/ipv4/icmp_ratelimit", "0")
	n.Sysctl(t, "net/ipv6/icmp/ratelimit", "0")
	n.up(t, "lo")
	return n
}

// unshare returns a new network namespace. The thread that made it is given back to its own
// namespace, or, if that is refused, ends with its goroutine.
func unshare() (*os.File, error) {
	type result struct {
		file *os.File
		err  error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread()
		own, err := threadNamespace()
		if err != nil {
			done <- result{nil, err}
			return
		}
		defer own.Close()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- result{nil, os.NewSyscallError("unshare", err)}
			return
		}
		file, err := threadNamespace()
		if unix.Setns(int(own.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		done <- result{file, err}
	}()
	r := <-done
	return r.file, r.err
}

func threadNamespace() (*os.File, error) {
	return os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
}

// FD returns the descriptor of the namespace; it stays the namespace's own.
func (n *Namespace) FD() int { return int(n.file.Fd()) }

// Path returns a path that opens the namespace, for this process and its children, as long
// as the test runs.
func (n *Namespace) Path() string {
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.FD())
}

// Do runs fn on a thread inside the namespace. Sockets that fn opens stay in the namespace
// and may be used anywhere; goroutines that fn starts are outside of it.
func (n *Namespace) Do(fn func()) {
	runtime.LockOSThread()
	own, err := threadNamespace()
	if err != nil {
		panic(fmt.Sprintf("testnet: own namespace: %v", err))
	}
	defer func() {
		err := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET)
		own.Close()
		if err != nil {
			// The caller's goroutine would go on in a foreign namespace.
			panic(fmt.Sprintf("testnet: return to own namespace: %v", err))
		}
		runtime.UnlockOSThread()
	}()
	if err := unix.Setns(n.FD(), unix.CLONE_NEWNET); err != nil {
		panic(fmt.Sprintf("testnet: enter namespace %s: %v", n.Name, err))
	}
	fn()
}

// Command runs a command inside the namespace with stdin as its input and returns what it
// printed on both outputs.
func (n *Namespace) Command(stdin, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	var err error
	n.Do(func() { err = cmd.Start() })
	if err == nil {
		err = cmd.Wait()
	}
	return out.String(), err
}

// Run runs a command inside the namespace and returns its output; the test ends if the
// command does not succeed.
func (n *Namespace) Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := n.Command("", name, args...)
	if err != nil {
		t.Fatalf("%s: %s %s: %v\n%s", n.Name, name, strings.Join(args, " "), err, out)
	}
	return out
}

// Nft loads a ruleset with "nft -f -" inside the namespace.
func (n *Namespace) Nft(t testing.TB, ruleset string) {
	t.Helper()
	if out, err := n.Command(ruleset, "nft", "-f", "-"); err != nil {
		t.Fatalf("%s: nft -f: %v\n%s\n%s", n.Name, err, out, ruleset)
	}
}

// Sysctl writes a file below /proc/sys of the namespace; key is its path, "net/ipv4/...".
// A slash and not a dot divides it, because interface names contain dots.
func (n *Namespace) Sysctl(t testing.TB, key, value string) {
	t.Helper()
	var err error
	n.Do(func() { err = os.WriteFile(filepath.Join("/proc/sys", key), []byte(value), 0o644) })
	if err != nil {
		t.Fatalf("%s: sysctl %s=%s: %v", n.Name, key, value, err)
	}
}

// ReadSysctl returns the value of a file below /proc/sys of the namespace.
func (n *Namespace) ReadSysctl(t testing.TB, key string) string {
	t.Helper()
	var data []byte
	var err error
	n.Do(func() { data, err = os.ReadFile(filepath.Join("/proc/sys", key)) })
	if err != nil {
		t.Fatalf("%s: sysctl %s: %v", n.Name, key, err)
	}
	return strings.TrimSpace(string(data))
}
