// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/randpolicy"
	"github.com/bulkhead-net/bulkhead/policy"
)

var (
	apiAddr = netip.MustParseAddr("10.1.0.2")
	webAddr = netip.MustParseAddr("10.1.0.3")
	farAddr = netip.MustParseAddr("192.0.2.1")
	hostOwn = netip.MustParseAddr("10.1.0.1")
)

func place(id string, a netip.Addr, port, bridge string) Endpoint {
	return Endpoint{Endpoint: &policy.Endpoint{ID: id + "/eth0", Name: id, Namespace: "shop",
		Interface: "eth0", Labels: map[string]string{"app": id}, Addresses: []netip.Addr{a}},
		Local: true, Port: port, Bridge: bridge}
}

// small is a node with api and web on one bridge, and everything of web's denied.
func small(generation uint32, law *policy.Set, web Groups) *Snapshot {
	api, server := place("api", apiAddr, "veth0", "br0"), place("web", webAddr, "veth1", "br0")
	server.Published = []Published{{netip.AddrPortFrom(hostOwn, 8080), policy.ProtocolTCP, 80}}
	return &Snapshot{Generation: generation, Before: second(float64(10*generation) - 0.5),
		Since: second(float64(10 * generation)), Policies: law, Documents: "documents",
		Index: NewIndex([]Endpoint{api, server}), Host: map[netip.Addr]bool{hostOwn: true},
		Groups: map[string]Groups{"web/eth0": web, "api/eth0": {}}}
}

// closed isolates web for ingress, under a name.
func closed(name string) *policy.Set {
	subject := policy.PodSelector{Namespace: "shop", Selector: policy.Everything()}
	return &policy.Set{Policies: []*policy.Policy{{
		Ref:  policy.Ref{Kind: policy.KindNetworkPolicy, Namespace: "shop", Name: name},
		Tier: policy.NetworkPolicyTier, Mode: policy.Enforce,
		Subject:  policy.Subject{Pods: &subject},
		Isolates: [2]bool{false, true}}}}
}

func refused(at float64, prefix string) Event {
	p, err := ParsePrefix(prefix)
	if err != nil {
		panic(err)
	}
	return Event{Time: second(at), Family: "ip", Hook: HookForward, Prefix: p, In: "br0", Out: "br0",
		PhysIn: "veth0", PhysOut: "veth1", EtherType: etherIP, Src: apiAddr, Dst: webAddr,
		Proto: policy.ProtocolTCP, SrcPort: 40000, DstPort: 80, TCPFlags: tcpSYN, Length: 60}
}

// TestOvertakenPacketNamesItsOwnGeneration: the group in the prefix tells by which generation the
// packet was judged, whatever the time says.
func TestOvertakenPacketNamesItsOwnGeneration(t *testing.T) {
	h := NewHistory()
	h.Add(small(1, closed("old"), Groups{Ingress: "aaaa"}))
	h.Add(small(2, closed("new"), Groups{Ingress: "bbbb"}))
	for _, c := range []struct {
		at         float64
		group      string
		generation uint32
		policy     string
	}{
		{15, "aaaa", 1, "old"}, {25, "bbbb", 2, "new"},
		{20.1, "aaaa", 1, "old"}, // received late
		{19.8, "bbbb", 2, "new"}, // in the middle of the transaction
		{19.8, "aaaa", 1, "old"}, // the same
		{15, "bbbb", 1, ""},      // before anybody knew of it
		{20.1, "cccc", 2, ""},    // nobody's group
	} {
		ev := refused(c.at, "bh1 "+c.group+" ingress default")
		got := h.Attribute(&ev)
		r := got.Record
		name := ""
		if len(r.Isolating) == 1 {
			name = r.Isolating[0].Name
		}
		if r.Generation != c.generation || name != c.policy || got.Disagrees != (c.policy == "") {
			t.Errorf("%s at %v: got generation %d, %q, want %d, %q", c.group, c.at, r.Generation, name,
				c.generation, c.policy)
		}
		if r.Reason != ReasonDefaultDeny || r.Action != Drop || r.Why == "" {
			t.Errorf("%s at %v: got %s, %s, %q, want the kernel's word", c.group, c.at, r.Reason,
				r.Action, r.Why)
		}
	}
}

// TestKernelsWordStands: what policy does not explain is told as the kernel says, without a rule.
func TestKernelsWordStands(t *testing.T) {
	h := NewHistory()
	h.Add(small(1, &policy.Set{}, Groups{Ingress: "aaaa"}))
	ev := refused(15, "bh1 aaaa ingress reject-rule")
	got := h.Attribute(&ev)
	r := got.Record
	if !got.Disagrees || r.Reason != ReasonRule || r.Action != Reject || r.Rule != nil ||
		r.Isolating != nil || !strings.Contains(r.Why, "no rule can be named") {
		t.Errorf("got %+v, want the kernel's word and no rule", r)
	}
}

// TestForgedSourceIsNotItsOwner: what came by a port is that endpoint's, whatever it claims.
func TestForgedSourceIsNotItsOwner(t *testing.T) {
	h := NewHistory()
	h.Add(small(1, closed("old"), Groups{Ingress: "aaaa"}))
	for _, family := range []string{"ip", "bridge"} {
		ev := refused(15, "bh1 - - spoof")
		ev.Family, ev.Hook, ev.Out, ev.PhysOut = family, HookPrerouting, "", ""
		ev.Src, ev.Dst = webAddr, farAddr
		if family == "bridge" {
			ev.In, ev.PhysIn = "veth0", ""
		}
		got := h.Attribute(&ev)
		r := got.Record
		if r.Client.Name != "api" || r.Client.Addr != webAddr || got.Key.Subject != "api/eth0" ||
			r.Client.Device != "veth0" || r.Direction != policy.Egress || r.Reason != ReasonSpoof {
			t.Errorf("%s: got %+v of %s, want api with the address it forged", family, r.Client,
				got.Key.Subject)
		}
		if r.Rule != nil || r.Why != sentences[ReasonSpoof] || got.Disagrees {
			t.Errorf("%s: got %q", family, r.Why)
		}
	}
	ev := refused(15, "bh1 - - spoof")
	ev.Hook, ev.In, ev.PhysIn, ev.Out, ev.PhysOut = HookPrerouting, "eth0", "", "", ""
	ev.Src, ev.Dst = webAddr, farAddr
	if got := h.Attribute(&ev); got.Record.Client.ID != "" || got.Key.Subject != "device eth0" {
		t.Errorf("from outside: got %+v of %q, want nobody", got.Record.Client, got.Key.Subject)
	}
}

// TestEveryReasonOfNoGroup: each has a subject and a sentence, of every family.
func TestEveryReasonOfNoGroup(t *testing.T) {
	h := NewHistory()
	h.Add(small(1, closed("old"), Groups{Ingress: "aaaa"}))
	for reason := range sentences {
		for _, family := range []string{"ip", "ip6", "bridge"} {
			ev := refused(15, "bh1 - - "+string(reason))
			ev.Family = family
			got := h.Attribute(&ev)
			r := got.Record
			if got.Key.Subject != "api/eth0" || r.Reason != reason || r.Why == "" ||
				r.Counter.Family != family || r.Kind != Denied || r.Action != Drop {
				t.Errorf("%s %s: got %q, %+v", family, reason, got.Key.Subject, r)
			}
		}
	}
	ev := refused(15, "bh1 - - of-tomorrow")
	if got := h.Attribute(&ev).Record; got.Reason != "of-tomorrow" || got.Why == "" {
		t.Errorf("unknown word: got %s, %q", got.Reason, got.Why)
	}
}

func TestFramesWithoutIP(t *testing.T) {
	h := NewHistory()
	h.Add(small(1, closed("old"), Groups{}))
	ev := Event{Time: second(15), Family: "bridge", Hook: HookPrerouting, In: "veth0",
		EtherType: 0x8847, MAC: [6]byte{2, 0, 0, 0, 0, 0xab}, Prefix: Prefix{Word: "ethertype"}}
	r := h.Attribute(&ev).Record
	if r.Client.Name != "api" || r.EtherType != 0x8847 || r.Client.MAC != "02:00:00:00:00:ab" ||
		r.Client.Addr.IsValid() || r.Port != 0 {
		t.Errorf("got %+v, want api's frame without addresses", r)
	}
}

// TestPublishedPort: behind the node's port stands an endpoint, for its own refusals and for
// those of the client.
func TestPublishedPort(t *testing.T) {
	h := NewHistory()
	h.Add(small(1, closed("old"), Groups{Ingress: "aaaa"}))
	there := refused(15, "bh1 aaaa ingress default")
	there.Hook, there.Out, there.PhysOut = HookInput, "", ""
	there.Dst, there.DstPort = hostOwn, 8080
	back := there
	back.Hook, back.In, back.PhysIn, back.Out = HookPostrouting, "", "", "br0"
	back.Src, back.Dst, back.SrcPort, back.DstPort = there.Dst, there.Src, 8080, 40000
	back.TCPFlags = tcpACK
	for name, ev := range map[string]Event{"there": there, "back": back} {
		got := h.Attribute(&ev)
		r := got.Record
		if r.Client.Name != "api" || r.Server.Name != "web" || r.Port != 80 || r.Server.Host ||
			got.Disagrees || len(r.Isolating) != 1 {
			t.Errorf("%s: got %+v, want web's refusal of api", name, r)
		}
		want := FlowKey{policy.Ingress, apiAddr, hostOwn, policy.ProtocolTCP, 8080}
		if got.Flow != want {
			t.Errorf("%s: got element %+v, want %+v", name, got.Flow, want)
		}
	}
	for _, ev := range []Event{there, back} {
		ev.Prefix = Prefix{Word: "published"}
		r := h.Attribute(&ev).Record
		if r.Client.Name != "api" || r.Server.Name != "web" || r.Direction != policy.Egress {
			t.Errorf("drop-published: got %+v, want api's egress to web", r)
		}
	}
}

func TestBeforeTheFirstGeneration(t *testing.T) {
	for _, prefix := range []string{"bh1 - - spoof", "bh1 aaaa ingress default"} {
		ev := refused(1, prefix)
		got := NewHistory().Attribute(&ev)
		if got.Record.Client.Addr != apiAddr || got.Record.Why == "" || got.Key.Subject == "" {
			t.Errorf("%s: got %+v of %q", prefix, got.Record, got.Key.Subject)
		}
	}
}

// TestAllowedSample is told with the rule that accepts.
func TestAllowedSample(t *testing.T) {
	law := closed("old")
	law.Policies[0].Rules[policy.Ingress] = []policy.Rule{{Name: "all", Action: policy.Accept,
		Log:     policy.LogAll,
		AnyPeer: true, AnyPort: true}}
	h := NewHistory()
	h.Add(small(1, law, Groups{Ingress: "aaaa"}))
	ev := refused(15, "bh1 aaaa ingress allow")
	got := h.Attribute(&ev)
	if r := got.Record; r.Kind != Allowed || r.Action != Pass || r.Rule == nil ||
		r.Rule.Name != "all" || got.Disagrees || r.Counter.Noted() {
		t.Errorf("got %+v, want the rule that accepts", r)
	}
}

// TestAttributeFlowAgreesWithPackets: what the sets tell is explained as the packet would be.
func TestAttributeFlowAgreesWithPackets(t *testing.T) {
	d := randpolicy.New(21, 1)
	compared := 0
	for range 60 {
		w := newWorld(t, d, 5, noon)
		h := NewHistory()
		h.Add(w.snapshot)
		for range 60 {
			path, p := w.trip().packet(false)
			for _, ev := range w.events(path, p, second(1)) {
				got := h.Attribute(&ev)
				if !got.Record.Counter.Noted() {
					continue
				}
				flow, ok := h.AttributeFlow(second(1), got.Flow)
				if isICMP(ev.Proto) && (ev.ICMPType != icmpEcho && ev.ICMPType != icmp6Echo ||
					ev.ICMPCode != 0) {
					continue
				}
				compared++
				if !ok || flow.Key != got.Key {
					t.Fatalf("%+v:\ngot %+v, %v,\nwant %+v", got.Flow, flow.Key, ok, got.Key)
				}
			}
		}
	}
	if compared < 500 {
		t.Errorf("got %d flows, want at least 500", compared)
	}
}
