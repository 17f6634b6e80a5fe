// SPDX-License-Identifier: Apache-2.0

package link_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/link"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// tracked is a host that routes between two containers and tracks what it forwards: flows to
// port 80 are marked with an epoch of 0x0001, others with 0x0002, flows of the published
// address are translated.
const tracked = `
table ip n {
	chain inbound { type nat hook prerouting priority dstnat; ip daddr 10.9.9.9 dnat to 10.2.0.3; }
	chain outbound { type nat hook postrouting priority srcnat; udp dport 5353 snat to 10.8.8.8; }
}
table inet t {
	chain raw {
		type filter hook prerouting priority raw
		udp dport 7777 ct zone set 7
		udp sport 7777 ct zone set 7
	}
	chain f {
		type filter hook forward priority 0
		ct direction reply accept
		udp dport 80 ct mark set 0x00010005 accept
		ct mark set 0x00020005
	}
}`

type host struct {
	net  *testnet.Net
	a, b *testnet.Container
	conn *link.Conn
}

func trackingHost(t *testing.T) host {
	n := testnet.New(t)
	a, b := n.AddContainer(t, "a"), n.AddContainer(t, "b")
	gateways := []string{"10.2.0.1", "fd00:2::1"}
	n.AttachRouted(t, a, testnet.Plug{
		Addresses: []string{"10.2.0.2/24", "fd00:2::2/64"}, Gateways: gateways})
	n.AttachRouted(t, b, testnet.Plug{
		Addresses: []string{"10.2.0.3/24", "fd00:2::3/64"}, Gateways: gateways})
	n.AddAddresses(t, "lo", "10.8.8.8/32")
	n.Nft(t, tracked)
	for _, port := range []uint16{80, 81, 5353, 7777} {
		b.Serve(t, "udp", port)
	}
	return host{n, a, b, open(t, n)}
}

func (h host) talk(t *testing.T, to ...string) {
	t.Helper()
	for _, x := range to {
		if err := h.a.Dial("udp", x, time.Second); err != nil {
			t.Fatalf("flow to %s: %v", x, err)
		}
	}
}

// entries returns the table as the conntrack tool lists it.
func (h host) entries(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, family := range []string{"ipv4", "ipv6"} {
		// Its summary on the other output would land in the middle of a line.
		out, err := h.net.Command("", "sh", "-c", "conntrack -L -f "+family+" 2>/dev/null")
		if err != nil {
			t.Fatalf("conntrack -L: %v\n%s", err, out)
		}
		for line := range strings.Lines(out) {
			if strings.Contains(line, "src=") {
				all = append(all, line)
			}
		}
	}
	return all
}

// addressFlows are flows of a to b, and what is left of them once an address is forgotten.
var addressFlows = []string{"10.2.0.3:80", "10.9.9.9:81", "10.2.0.3:5353", "10.2.0.3:7777",
	"[fd00:2::3]:80"}

var addressCases = []struct {
	addrs      []string
	gone, left int
}{
	{nil, 0, 5},
	{[]string{"10.99.0.1", "fd99::1"}, 0, 5},
	{[]string{"10.9.9.9"}, 1, 4},              // destination of the original tuple only
	{[]string{"10.8.8.8"}, 1, 4},              // destination of the reply tuple only
	{[]string{"10.2.0.3"}, 4, 1},              // reply source everywhere, in zone 7 too
	{[]string{"::ffff:10.2.0.3"}, 4, 1},       // the same address, mapped
	{[]string{"fd00:2::2"}, 1, 4},             // IPv6
	{[]string{"10.2.0.2", "fd00:2::2"}, 5, 0}, // original source
	// Too many for the filter of a dump, with the same result.
	{[]string{"10.9.9.9", "10.8.8.8", "10.99.0.1", "fd99::1", "fd00:2::3"}, 3, 2},
}

// testAddresses runs the cases through one way of forgetting.
func testAddresses(t *testing.T, forget func(host, []netip.Addr) (int, error)) {
	h := trackingHost(t)
	for _, x := range addressCases {
		h.net.Run(t, "conntrack", "-F")
		h.talk(t, addressFlows...)
		if got := h.entries(t); len(got) != len(addressFlows) {
			t.Fatalf("before: got %d entries, want %d:\n%s", len(got), len(addressFlows), got)
		}
		var addrs []netip.Addr
		for _, a := range x.addrs {
			addrs = append(addrs, netip.MustParseAddr(a))
		}
		n, err := forget(h, addrs)
		if err != nil || n != x.gone {
			t.Errorf("%v: got %d deleted, %v, want %d", x.addrs, n, err, x.gone)
		}
		if got := h.entries(t); len(got) != x.left {
			t.Errorf("%v: got %d left, want %d:\n%s", x.addrs, len(got), x.left, got)
		}
	}
}

func TestForgetAddress(t *testing.T) {
	testAddresses(t, func(h host, a []netip.Addr) (int, error) { return h.conn.ForgetAddress(a) })
}

func TestDropAddress(t *testing.T) {
	testAddresses(t, func(h host, a []netip.Addr) (int, error) {
		before := len(h.entries(t))
		err := h.conn.DropAddress(a)
		return before - len(h.entries(t)), err
	})
}

func TestForgetMark(t *testing.T) {
	flows := []string{"10.2.0.3:80", "[fd00:2::3]:80", "10.2.0.3:81", "10.2.0.3:7777"}
	cases := []struct {
		mark, mask uint32
		gone, left int
	}{
		{0x00030000, 0xffff0000, 0, 4},
		{0x00010000, 0xffff0000, 2, 2},
		{0x00020000, 0xffff0000, 2, 2},
		{0x00010005, 0xffffffff, 2, 2},
		{0x00010004, 0xffffffff, 0, 4},
		{0x00000005, 0x0000ffff, 4, 0},
		{0, 0xff000000, 4, 0},
	}
	h := trackingHost(t)
	for _, x := range cases {
		h.net.Run(t, "conntrack", "-F")
		h.talk(t, flows...)
		n, err := h.conn.ForgetMark(x.mark, x.mask)
		if err != nil || n != x.gone {
			t.Errorf("%#x/%#x: got %d deleted, %v, want %d", x.mark, x.mask, n, err, x.gone)
		}
		if got := h.entries(t); len(got) != x.left {
			t.Errorf("%#x/%#x: got %d left, want %d:\n%s", x.mark, x.mask, len(got), x.left, got)
		}
	}
	for _, bad := range [][2]uint32{{0, 0}, {1, 0}, {0x11, 0x10}} {
		if _, err := h.conn.ForgetMark(bad[0], bad[1]); err == nil {
			t.Errorf("%#x/%#x: got no error, want one", bad[0], bad[1])
		}
	}
	if got := h.entries(t); len(got) != 0 {
		t.Errorf("after refused masks: got %v", got)
	}
}

// TestForgottenFlowIsNew shows what forgetting is for: an open flow is judged again.
func TestForgottenFlowIsNew(t *testing.T) {
	h := trackingHost(t)
	c, err := h.a.Open("udp", ":4000", "10.2.0.3:80", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Echo(time.Second); err != nil {
		t.Fatal(err)
	}
	h.net.Nft(t, `table inet cut { chain f { type filter hook forward priority -10
		ct state established accept
		drop
	}; }`)
	if err := c.Echo(time.Second); err != nil {
		t.Errorf("established: got %v, want success", err)
	}
	if n, err := h.conn.ForgetAddress([]netip.Addr{netip.MustParseAddr("10.2.0.3")}); n != 1 ||
		err != nil {
		t.Errorf("forget: got %d, %v, want 1", n, err)
	}
	if err := c.Echo(0); err == nil {
		t.Error("forgotten: got an answer, want none")
	}
}

// TestForgetMany makes the dump longer than one message batch.
func TestForgetMany(t *testing.T) {
	h := trackingHost(t)
	const flows = 2000
	mac := h.net.MAC(t, "veth1")
	own := h.a.MAC(t, "eth0")
	// Nobody listens there, so that no server falls behind.
	dst := netip.MustParseAddrPort("10.2.0.3:90")
	var frames [][]byte
	for i := range flows {
		src := netip.AddrPortFrom(netip.MustParseAddr("10.2.0.2"), uint16(10000+i))
		frames = append(frames, testnet.IPFrame(mac, own, testnet.UDP(src, dst, []byte("x"))))
	}
	h.a.SendRaw(t, "eth0", frames...)
	h.talk(t, "[fd00:2::3]:80")
	if got := h.entries(t); len(got) != flows+1 {
		t.Fatalf("before: got %d entries, want %d; the last %s", len(got), flows+1, got[flows:])
	}
	n, err := h.conn.ForgetAddress([]netip.Addr{dst.Addr()})
	if err != nil || n != flows {
		t.Errorf("forget: got %d, %v, want %d", n, err, flows)
	}
	if got := h.entries(t); len(got) != 1 || !strings.Contains(got[0], "fd00") {
		t.Errorf("left: got %s, want the IPv6 flow", fmt.Sprint(got))
	}
}
