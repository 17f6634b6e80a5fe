// SPDX-License-Identifier: Apache-2.0

package testnet

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// pair is a network of two containers.
type pair struct {
	net  *Net
	a, b *Container
	// at is b's attachment.
	at Attachment
}

func bridgedPair(t *testing.T) pair {
	n := New(t)
	n.Bridge(t, "br0", "10.1.0.1/24", "fd00:1::1/64")
	a, b := n.AddContainer(t, "a"), n.AddContainer(t, "b")
	gateways := []string{"10.1.0.1", "fd00:1::1"}
	n.AttachBridged(t, a, "br0", Plug{
		Addresses: []string{"10.1.0.2/24", "fd00:1::2/64"}, Gateways: gateways})
	at := n.AttachBridged(t, b, "br0", Plug{MAC: "02:00:00:00:00:0b",
		Addresses: []string{"10.1.0.3/24", "fd00:1::3/64"}, Gateways: gateways})
	return pair{n, a, b, at}
}

func routedPair(t *testing.T) pair {
	n := New(t)
	a, b := n.AddContainer(t, "a"), n.AddContainer(t, "b")
	gateways := []string{"10.2.0.1", "fd00:2::1"}
	n.AttachRouted(t, a, Plug{
		Addresses: []string{"10.2.0.2/24", "fd00:2::2/64"}, Gateways: gateways})
	at := n.AttachRouted(t, b, Plug{MAC: "02:00:00:00:00:0b", HostInterface: "ptp-b",
		Addresses: []string{"10.2.0.3/24", "fd00:2::3/64"}, Gateways: gateways})
	return pair{n, a, b, at}
}

func TestReachability(t *testing.T) {
	builders := map[string]func(*testing.T) pair{"bridged": bridgedPair, "routed": routedPair}
	for name, build := range builders {
		t.Run(name, func(t *testing.T) {
			p := build(t)
			for _, proto := range []string{"tcp", "udp", "sctp"} {
				server := p.b.Serve(t, proto, 80)
				for _, addr := range p.at.Addresses {
					to := fmt.Sprintf("%s:80", addr)
					if addr.Is6() {
						to = fmt.Sprintf("[%s]:80", addr)
					}
					for _, from := range []*Namespace{p.a.Namespace, p.net.Namespace} {
						if err := from.Dial(proto, to, time.Second); err != nil {
							t.Errorf("%s: dial %s %s: got %v, want success",
								from.Name, proto, to, err)
						}
					}
				}
				if got := len(server.Received()); got != 4 {
					t.Errorf("%s server: got %d lines, want 4", proto, got)
				}
			}
			for _, addr := range p.at.Addresses {
				if err := p.a.Ping(addr.String(), time.Second); err != nil {
					t.Errorf("ping %s: got %v, want success", addr, err)
				}
			}
			if got := p.at.MAC.String(); got != "02:00:00:00:00:0b" {
				t.Errorf("mac: got %s, want the one asked for", got)
			}
		})
	}
}

// TestOutcomes lets the kernel answer in every way it can, and asks each probe what it saw.
func TestOutcomes(t *testing.T) {
	p := routedPair(t)
	for _, proto := range []string{"tcp", "udp", "sctp"} {
		p.b.Serve(t, proto, 80)
	}
	all := []string{"tcp", "udp", "sctp", "ping"}
	cases := []struct {
		rule   string
		protos []string
		want   error
	}{
		{"", all, nil},
		{"drop", all, ErrTimeout},
		{"reject with icmpx type admin-prohibited", all, ErrProhibited},
		{"reject with icmpx type port-unreachable", all, ErrPortUnreachable},
		{"reject with icmpx type no-route", all, ErrUnreachable},
		{"meta l4proto tcp reject with tcp reset", []string{"tcp"}, ErrRefused},
	}
	for _, c := range cases {
		rules := "flush ruleset\ntable inet t {\n" +
			"chain f { type filter hook forward priority 0; iifname veth1 " + c.rule + "\n}\n}\n"
		if c.rule == "" {
			rules = "flush ruleset\n"
		}
		p.net.Nft(t, rules)
		for _, proto := range c.protos {
			for _, host := range []string{"10.2.0.3", "[fd00:2::3]"} {
				got := probe(p.a, proto, host)
				if !errors.Is(got, c.want) {
					t.Errorf("%q: %s %s: got %v, want %v", c.rule, proto, host, got, c.want)
				}
			}
		}
	}
}

func probe(c *Container, proto, host string) error {
	if proto != "ping" {
		return c.Dial(proto, host+":80", 0)
	}
	if host[0] == '[' {
		host = host[1 : len(host)-1]
	}
	return c.Ping(host, 0)
}

func TestClosedPort(t *testing.T) {
	p := bridgedPair(t)
	for _, host := range []string{"10.1.0.3", "[fd00:1::3]"} {
		if err := p.a.Dial("tcp", host+":81", 0); !errors.Is(err, ErrRefused) {
			t.Errorf("tcp %s: got %v, want %v", host, err, ErrRefused)
		}
		if err := p.a.Dial("udp", host+":81", 0); !errors.Is(err, ErrPortUnreachable) {
			t.Errorf("udp %s: got %v, want %v", host, err, ErrPortUnreachable)
		}
	}
}

// TestOpenFlow cuts a flow that is open, which is what a policy change must be able to do.
func TestOpenFlow(t *testing.T) {
	p := routedPair(t)
	for _, proto := range []string{"tcp", "udp", "sctp"} {
		p.b.Serve(t, proto, 80)
		c, err := p.a.Open(proto, ":4001", "10.2.0.3:80", time.Second)
		if err != nil {
			t.Fatalf("%s: open: %v", proto, err)
		}
		if err := c.Echo(time.Second); err != nil {
			t.Errorf("%s: before: got %v, want success", proto, err)
		}
		p.net.Nft(t, "table ip t { chain f { type filter hook forward priority 0; drop; }; }")
		if err := c.Echo(0); !errors.Is(err, ErrTimeout) {
			t.Errorf("%s: cut: got %v, want %v", proto, err, ErrTimeout)
		}
		p.net.Run(t, "nft", "delete table ip t")
		if err := c.Echo(2 * time.Second); err != nil {
			t.Errorf("%s: after: got %v, want success", proto, err)
		}
		c.Close()
	}
}

// TestNoWarmUp attaches and sends at once, many times: the first packet must arrive.
func TestNoWarmUp(t *testing.T) {
	for range 10 {
		for _, build := range []func(*testing.T) pair{bridgedPair, routedPair} {
			p := build(t)
			for _, addr := range p.at.Addresses {
				if err := p.a.Ping(addr.String(), 0); err != nil {
					t.Errorf("first packet to %s: got %v, want success", addr, err)
				}
			}
			gateway := "fd00:1::1"
			if p.at.Bridge == "" {
				gateway = "fd00:2::1"
			}
			if err := p.a.Ping(gateway, 0); err != nil {
				t.Errorf("first packet to gateway: got %v, want success", err)
			}
		}
	}
}
