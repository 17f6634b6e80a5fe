// SPDX-License-Identifier: Apache-2.0

package link_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/link"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// silence is how long a notification is waited for that must not come.
const silence = 200 * time.Millisecond

// named collects the names in events until all wanted ones were there, or until there has been
// silence.
func named(t *testing.T, events <-chan link.Event, want ...string) []string {
	t.Helper()
	var got []string
	for {
		wait := silence
		if slices.ContainsFunc(want, func(s string) bool { return !slices.Contains(got, s) }) {
			wait = 5 * time.Second
		}
		select {
		case e := <-events:
			if e.Overrun || e.Err != nil {
				t.Fatalf("got %+v, want names", e)
			}
			got = append(got, e.Links...)
		case <-time.After(wait):
			slices.Sort(got)
			return slices.Compact(got)
		}
	}
}

func watchOf(t *testing.T, n *testnet.Net) <-chan link.Event {
	t.Helper()
	events, err := open(t, n).Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// TestWatch pins down what this kernel tells of, and what it does not.
func TestWatch(t *testing.T) {
	n := testnet.New(t)
	n.Bridge(t, "br0")
	n.Run(t, "ip", "link", "add", "down0", "type", "bridge")
	box := n.AddContainer(t, "box")
	n.AttachBridged(t, box, "br0", testnet.Plug{HostInterface: "port0"})
	events := watchOf(t, n)
	named(t, events) // what the set-up has left
	ip := func(args string) func() {
		return func() { n.Run(t, "ip", strings.Fields(args)...) }
	}
	// sysfs shows the namespace of whoever mounts it.
	sysfs := func(path, value string) func() {
		return func() {
			n.Run(t, "unshare", "--mount", "sh", "-c",
				"mount -t sysfs sysfs /sys && echo "+value+" > /sys/class/net/"+path)
		}
	}
	for _, c := range []struct {
		name   string
		change func()
		want   []string
	}{
		{"hardware address", ip("link set port0 address 02:00:00:00:00:77"), []string{"port0"}},
		{"address of IPv4", ip("addr add 10.9.0.1/24 dev br0"), []string{"br0"}},
		{"address of IPv6", ip("addr add fd00:9::1/64 dev br0 nodad"), []string{"br0"}},
		{"address that goes", ip("addr del 10.9.0.1/24 dev br0"), []string{"br0"}},
		{"isolation", ip("link set port0 type bridge_slave isolated on"), []string{"port0"}},
		{"reserved groups", ip("link set port0 type bridge_slave group_fwd_mask 8"),
			[]string{"port0"}},
		{"isolation in sysfs", sysfs("port0/brport/isolated", "0"),
			[]string{"port0"}},
		{"flag", ip("link set br0 type bridge nf_call_iptables 1"), []string{"br0"}},
		{"flag in sysfs", sysfs("br0/bridge/nf_call_iptables", "0"),
			[]string{"br0"}},
		{"flag of a bridge that is down", ip("link set down0 type bridge nf_call_iptables 1"), nil},
		{"flag of the namespace", func() { n.Sysctl(t, "net/bridge/bridge-nf-call-iptables", "0") },
			nil},
		{"sysctl", func() { n.Sysctl(t, "net/ipv4/conf/br0/route_localnet", "1") }, nil},
		{"port leaves", ip("link set port0 nomaster"), []string{"br0", "port0"}},
		{"port comes", ip("link set port0 master br0"), []string{"br0", "port0"}},
		{"name", ip("link set port0 down name port1"), []string{"port0", "port1"}},
		{"new link", ip("link add new0 type bridge"), []string{"new0"}},
		{"link that goes", ip("link del new0"), []string{"new0"}},
		{"end of the other side", func() { box.Run(t, "ip", "link", "del", "eth0") },
			[]string{"br0", "port1"}},
	} {
		named(t, events) // what follows from the change before
		c.change()
		got := named(t, events, c.want...)
		missing := slices.DeleteFunc(slices.Clone(c.want), func(s string) bool {
			return slices.Contains(got, s)
		})
		if len(missing) > 0 || len(c.want) == 0 && len(got) > 0 {
			t.Errorf("%s: got events about %v, want %v", c.name, got, c.want)
		}
	}
}

func TestWatchMergesWhatIsNotFetched(t *testing.T) {
	n := testnet.New(t)
	n.Run(t, "ip", "link", "add", "a0", "type", "bridge")
	events := watchOf(t, n)
	renames := func(prefix string, count int) link.Event {
		t.Helper()
		var batch strings.Builder
		last := "a0"
		for i := range count {
			next := fmt.Sprint(prefix, i)
			fmt.Fprintf(&batch, "link set %s name %s\n", last, next)
			last = next
		}
		fmt.Fprintf(&batch, "link set %s name a0\n", last)
		if out, err := n.Command(batch.String(), "ip", "-batch", "-"); err != nil {
			t.Fatalf("links: %v\n%s", err, out)
		}
		time.Sleep(silence)
		return <-events
	}
	if e := renames("b", 100); len(e.Links) != 101 || e.Overrun || e.Err != nil {
		t.Errorf("got %+v, want 101 names", e)
	}
	if e := renames("c", 1200); len(e.Links) != 0 || !e.Overrun || e.Err != nil {
		t.Errorf("got %d names, overrun %t, %v, want an overrun", len(e.Links), e.Overrun, e.Err)
	}
}

// A watch ends with its context, is none of Close's, and leaves nothing.
func TestWatchLeavesNothing(t *testing.T) {
	n := testnet.New(t)
	count := func() (int, int) {
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(fds), runtime.NumGoroutine()
	}
	wantFiles, wantRoutines := count()
	for range 10 {
		c, err := link.Open(link.Options{NetNS: n.FD()})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		events, err := c.Watch(ctx)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		n.Run(t, "ip", "link", "add", "x0", "type", "bridge")
		if got := named(t, events, "x0"); !slices.Contains(got, "x0") {
			t.Errorf("after Close: got %v, want x0", got)
		}
		n.Run(t, "ip", "link", "del", "x0")
		cancel()
		for end := time.After(5 * time.Second); events != nil; {
			select {
			case _, ok := <-events:
				if !ok {
					events = nil
				}
			case <-end:
				t.Fatal("watch goes on after its context")
			}
		}
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		files, routines := count()
		if files <= wantFiles && routines <= wantRoutines {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("got %d descriptors and %d goroutines, want %d and %d", files, routines,
				wantFiles, wantRoutines)
		}
	}
}
