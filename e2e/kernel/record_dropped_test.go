// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/nflog"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
	"github.com/bulkhead-net/bulkhead/policy"
)

// dropCase is a frame of shop/api that is dropped whatever the policy.
type dropCase struct {
	reason flow.Reason
	v6     bool
	// only is "bridge" or "ptp" where the other one has no such reason.
	only  string
	frame func(f faker) []byte
	// src is the address that the record shows, and server whose it names.
	src, server string
}

// faker builds frames that shop/api sends.
type faker struct {
	// next is web's address on a bridge, and gate the node's.
	own, next, gate net.HardwareAddr
	api, web        netip.Addr
}

func at(a netip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a, port) }

func ip(text string) netip.Addr { return netip.MustParseAddr(text) }

func (f faker) packet(b []byte) []byte { return testnet.IPFrame(f.next, f.own, b) }

func (f faker) away(b []byte) []byte { return testnet.IPFrame(f.gate, f.own, b) }

// withOptions makes room for options in an IPv4 header: three that say nothing, and an end.
func withOptions(packet []byte) []byte {
	out := append(slices.Clone(packet[:20]), 1, 1, 1, 0)
	out = append(out, packet[20:]...)
	out[0] = 0x46
	total := len(out)
	out[2], out[3], out[10], out[11] = byte(total>>8), byte(total), 0, 0
	sum := uint32(0)
	for i := 0; i < 24; i += 2 {
		sum += uint32(out[i])<<8 | uint32(out[i+1])
	}
	sum = sum>>16 + sum&0xffff
	out[10], out[11] = byte(^sum>>8), byte(^sum)
	return out
}

var dropCases = []dropCase{
	{reason: flow.ReasonSpoof, src: "10.1.0.12", server: "shop/web/eth0",
		frame: func(f faker) []byte {
			return f.packet(testnet.UDP(at(ip("10.1.0.12"), 5000), at(f.web, 80), []byte("x")))
		}},
	{reason: flow.ReasonSpoof, v6: true, src: "fd00:1::12", server: "shop/web/eth0",
		frame: func(f faker) []byte {
			return f.packet(testnet.UDP(at(ip("fd00:1::12"), 5000), at(f.web, 80), []byte("x")))
		}},
	{reason: flow.ReasonSpoof, src: "198.51.100.1", frame: func(f faker) []byte {
		return f.away(testnet.UDP(at(ip("198.51.100.1"), 5000), at(ip("192.0.2.1"), 80), nil))
	}},
	{reason: flow.ReasonSpoof, only: "bridge", src: "10.1.0.10", server: "shop/web/eth0",
		frame: func(f faker) []byte {
			arp := testnet.ARP(testnet.ARPReply, f.own, f.web, f.next, f.web)
			return testnet.Ether(f.next, f.own, testnet.EtherARP, arp)
		}},
	{reason: flow.ReasonOptions, src: "10.1.0.11", server: "shop/web/eth0",
		frame: func(f faker) []byte {
			return f.packet(withOptions(testnet.UDP(at(f.api, 5000), at(f.web, 80), []byte("x"))))
		}},
	{reason: flow.ReasonMidstream, src: "10.1.0.11", server: "shop/web/eth0",
		frame: func(f faker) []byte {
			return f.packet(testnet.TCP(at(f.api, 5001), at(f.web, 80), testnet.ACK, 1, 1, nil))
		}},
	{reason: flow.ReasonMidstream, v6: true, src: "fd00:1::11", server: "shop/web/eth0",
		frame: func(f faker) []byte {
			return f.packet(testnet.TCP(at(f.api, 5002), at(f.web, 80), testnet.ACK, 1, 1, nil))
		}},
	{reason: flow.ReasonLoopback, src: "10.1.0.11", frame: func(f faker) []byte {
		return f.away(testnet.UDP(at(f.api, 5003), at(ip("127.0.0.1"), 80), nil))
	}},
	{reason: flow.ReasonEncapsulation, src: "10.1.0.11", server: "shop/web/eth0",
		frame: func(f faker) []byte {
			return f.packet(testnet.UDP(at(f.api, 5004), at(f.web, 4789), []byte("x")))
		}},
	{reason: flow.ReasonEncapsulation, v6: true, src: "fd00:1::11", frame: func(f faker) []byte {
		return f.away(testnet.UDP(at(f.api, 5005), at(ip("2001:db8::1"), 4789), []byte("x")))
	}},
	{reason: flow.ReasonEtherType, only: "bridge", frame: func(f faker) []byte {
		return testnet.Ether(f.next, f.own, 0x8847, make([]byte, 46))
	}},
	{reason: flow.ReasonRouter, only: "bridge", v6: true, src: "fd00:1::11",
		frame: func(f faker) []byte {
			return f.packet(testnet.ICMP(f.api, ip("ff02::1"), 134, 0, make([]byte, 12)))
		}},
	{reason: flow.ReasonDHCPServer, only: "bridge", src: "10.1.0.11", server: "shop/web/eth0",
		frame: func(f faker) []byte {
			return f.packet(testnet.UDP(at(f.api, 67), at(f.web, 68), []byte("x")))
		}},
}

// TestRecordsOfDrops sends what is dropped whatever the policy: it is told as shop/api's, by whose
// port it came, whatever address it has.
func TestRecordsOfDrops(t *testing.T) {
	for _, attached := range []string{"bridge", "ptp"} {
		t.Run(attached, func(t *testing.T) {
			t.Parallel()
			w := newWitness(t, newClauseNode(t, attached, false))
			w.Sysctl(t, "net/ipv4/conf/all/route_localnet", "1")
			law := load(t, namespaceDocuments)
			for _, c := range dropCases {
				if c.only == "" || c.only == attached {
					t.Run(string(c.reason)+" "+c.src, func(t *testing.T) { w.drops(t, law, c) })
				}
			}
			t.Run("nobody's port", func(t *testing.T) { w.nobody(t, law) })
		})
	}
}

func (w *witness) drops(t *testing.T, law *policy.Set, c dropCase) {
	w.rule(t, law)
	records := w.sent(t, w.faker(t, c.v6), c)
	for i := range records {
		r := &records[i].Record
		if r.Reason != c.reason || r.Direction != policy.Egress || r.Kind != flow.Denied ||
			r.Action != flow.Drop || r.Rule != nil || records[i].Disagrees {
			t.Errorf("got %s, want a drop for %s", shown(&records[i]), c.reason)
		}
		if r.Client.ID != "shop/api/eth0" || records[i].Key.Subject != r.Client.ID ||
			r.Client.Device != "veth1" && r.Client.Device != "br0" {
			t.Errorf("got %s of %s by %s, want shop/api's", shown(&records[i]), r.Client.ID,
				r.Client.Device)
		}
		if got := r.Client.Addr; got.IsValid() != (c.src != "") || c.src != "" && got != ip(c.src) {
			t.Errorf("got the source %s, want %s", got, c.src)
		}
		if r.Server.ID != c.server {
			t.Errorf("got %s, want the server %q", shown(&records[i]), c.server)
		}
	}
	for name, fault := range dropFaults {
		h := flow.NewHistory()
		s := *w.history.Now()
		h.Add(&s)
		for i := range records {
			ev := records[i].event
			fault(&ev, &s)
			if a := h.Attribute(&ev); a.Record.Client.ID == "shop/api/eth0" {
				t.Errorf("%s: got shop/api named, want the fault to be seen", name)
			}
		}
	}
}

func (w *witness) faker(t *testing.T, v6 bool) faker {
	t.Helper()
	api, web := partyNamed(t, "", "shop/api", v6), partyNamed(t, "", "shop/web", v6)
	return faker{own: w.namespaceOf(api).MAC(t, "eth0"), next: w.nextHop(t, api, web),
		gate: w.nextHop(t, api, partyNamed(t, "", "world", v6)), api: api.Addr, web: web.Addr}
}

// dropFaults blame somebody else.
var dropFaults = map[string]func(*flow.Event, *flow.Snapshot){
	"by the port of another": func(ev *flow.Event, _ *flow.Snapshot) {
		ev.In, ev.PhysIn = "veth0", ""
	},
	"nobody known": func(_ *flow.Event, s *flow.Snapshot) { s.Index = flow.NewIndex(nil) },
}

// sent sends the frame a few times, and returns what is told of it: of each packet, and as the
// kernel counts it.
func (w *witness) sent(t *testing.T, f faker, c dropCase) []told {
	t.Helper()
	before := w.counts(t)
	messages := w.send(t, c.frame(f))
	w.balances(t, before, w.counts(t), w.attribute(t, w.history, messages))
	return w.attribute(t, w.history, asked(messages))
}

// send sends a frame of shop/api's a few times, and returns what is logged.
func (w *witness) send(t *testing.T, frame []byte) []nflog.Message {
	t.Helper()
	const times = 3
	w.take(0)
	for range times {
		w.namespaceOf(partyNamed(t, "", "shop/api", false)).SendRaw(t, "eth0", frame)
	}
	messages := w.take(times)
	if got := len(asked(slices.Clone(messages))); got != times {
		t.Errorf("got %d packets logged, want %d", got, times)
	}
	return messages
}

// nobody is about a port whose endpoint is gone: its packets are told by whom they are for, or else
// by the port.
func (w *witness) nobody(t *testing.T, law *policy.Set) {
	f := w.faker(t, false)
	w.endpoints = slices.DeleteFunc(w.endpoints, func(e compile.Endpoint) bool {
		return e.ID == "shop/api/eth0"
	})
	w.rule(t, law)
	for subject, frame := range map[string][]byte{
		"shop/web/eth0": f.packet(testnet.UDP(at(f.api, 5006), at(f.web, 80), nil)),
		"device veth1":  f.away(testnet.UDP(at(f.api, 5007), at(ip("192.0.2.1"), 80), nil)),
	} {
		records := w.attribute(t, w.history, asked(w.send(t, frame)))
		for i := range records {
			r := &records[i]
			if r.Record.Client.ID != "" || r.Key.Subject != subject ||
				r.Record.Client.Device != "veth1" {
				t.Errorf("got %s, of %q by %s, want nobody's, of %q by veth1", shown(r), r.Key.Subject,
					r.Record.Client.Device, subject)
			}
		}
	}
}
