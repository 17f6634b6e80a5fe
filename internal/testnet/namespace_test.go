// SPDX-License-Identifier: Apache-2.0

package testnet

import (
	"os"
	"sync"
	"testing"
)

func identity(t *testing.T) string {
	t.Helper()
	id, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestDoReturnsToOwnNamespace(t *testing.T) {
	own := identity(t)
	n := NewNamespace(t, "n")
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			inside := ""
			n.Do(func() { inside, _ = os.Readlink("/proc/thread-self/ns/net") })
			if want, _ := os.Readlink(n.Path()); inside != want || inside == own {
				t.Errorf("inside: got %s, want %s", inside, want)
			}
			if got, _ := os.Readlink("/proc/thread-self/ns/net"); got != own {
				t.Errorf("after: got %s, want %s", got, own)
			}
		})
	}
	wg.Wait()
}

func TestDoRestoresAfterPanic(t *testing.T) {
	own := identity(t)
	n := NewNamespace(t, "n")
	func() {
		defer func() {
			if recover() == nil {
				t.Error("panic: got none, want the one of fn")
			}
		}()
		n.Do(func() { panic("in fn") })
	}()
	if got := identity(t); got != own {
		t.Errorf("after panic: got %s, want %s", got, own)
	}
}

func TestCommandsAndSysctlsAreInside(t *testing.T) {
	n := New(t)
	want, err := os.Readlink(n.Path())
	if err != nil {
		t.Fatal(err)
	}
	if got := n.Run(t, "readlink", "-n", "/proc/self/ns/net"); got != want {
		t.Errorf("command: got %s, want %s", got, want)
	}
	if got := n.Run(t, "nsenter", "--net="+n.Path(), "readlink", "-n",
		"/proc/self/ns/net"); got != want {
		t.Errorf("path of a child: got %s, want %s", got, want)
	}
	n.Sysctl(t, "net/ipv4/ip_default_ttl", "77")
	if got := n.ReadSysctl(t, "net/ipv4/ip_default_ttl"); got != "77" {
		t.Errorf("sysctl: got %s, want 77", got)
	}
	if got, _ := os.ReadFile("/proc/sys/net/ipv4/ip_default_ttl"); string(got) == "77\n" {
		t.Error("sysctl: got the value in the namespace of the test as well")
	}
}
