// SPDX-License-Identifier: Apache-2.0

package cni_test

import (
	"context"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
)

// TestVerbs goes through the life of an attachment in every version of the specification.
func TestVerbs(t *testing.T) {
	for _, version := range []string{"0.3.1", "0.4.0", "1.0.0", "1.1.0"} {
		for _, main := range []string{"bridge", "ptp"} {
			t.Run(main+" "+version, func(t *testing.T) {
				h := newHost(t)
				first := h.bridge(1)
				if main == "ptp" {
					first = h.ptp(1)
				}
				life(t, h, h.list(t, "net1", version, first, nil), version)
			})
		}
	}
}

func life(t *testing.T, h *host, list *libcni.NetworkConfigList, version string) {
	ctx := context.Background()
	if version == "1.1.0" {
		if err := h.cni.GetStatusNetworkList(ctx, list); err != nil {
			t.Errorf("STATUS before: %v", err)
		}
		if out := h.Run(t, "nft", "list", "ruleset"); out != "" {
			t.Errorf("STATUS before: got rules %s, want none", out)
		}
	}
	a := h.attach(t, list, "web1")
	if !a.v4.IsValid() || !a.v6.IsValid() || h.registered(t) != 1 {
		t.Errorf("ADD: got addresses %v and %v", a.v4, a.v6)
	}
	check := func(want bool) {
		t.Helper()
		if version == "0.3.1" {
			return // has no CHECK
		}
		if err := h.check(a); (err == nil) != want {
			t.Errorf("CHECK: got %v, want success %t", err, want)
		}
	}
	check(true)
	if version == "1.1.0" {
		valid := []types.GCAttachment{{ContainerID: "web1", IfName: "eth0"}}
		if err := h.cni.GCNetworkList(ctx, list, &libcni.GCArgs{ValidAttachments: valid}); err != nil {
			t.Errorf("GC: %v", err)
		}
		if err := h.cni.GetStatusNetworkList(ctx, list); err != nil {
			t.Errorf("STATUS: %v", err)
		}
	}
	check(true)
	h.Run(t, "nft", "delete", "table", "ip", "bulkhead")
	check(false)
	for range 2 {
		if err := h.del(a); err != nil {
			t.Errorf("DEL: %v", err)
		}
		h.wantNothing(t)
	}
}

// TestResultUnchanged: the last plugin's result is the one of the plugin before it.
func TestResultUnchanged(t *testing.T) {
	for _, version := range []string{"0.3.1", "0.4.0", "1.0.0", "1.1.0"} {
		h := newHost(t)
		a := h.attach(t, h.list(t, "net1", version, h.bridge(1), nil), "web1")
		before := *a.list
		before.Plugins = a.list.Plugins[:1]
		cached, err := h.cni.GetNetworkListCachedResult(a.list, a.rt)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(cached)
		if err != nil {
			t.Fatal(err)
		}
		var got struct{ CNIVersion string }
		if err := json.Unmarshal(text, &got); err != nil || got.CNIVersion != version {
			t.Errorf("%s: got result %s, want that version", version, text)
		}
		conf := h.conf(t, a, version, text)
		out, _, code := h.raw(t, "ADD", a, conf)
		var was, is any
		if json.Unmarshal(text, &was) != nil || json.Unmarshal(out, &is) != nil || code != 0 ||
			!reflect.DeepEqual(was, is) {
			t.Errorf("%s:\n got %s\nwant %s", version, out, text)
		}
	}
}

func TestGCTakesWhatIsNotNamed(t *testing.T) {
	h := newHost(t)
	list1 := h.list(t, "net1", "1.1.0", h.bridge(1), nil)
	list2 := h.list(t, "net2", "1.1.0", h.bridge(2), nil)
	keep, lost := h.attach(t, list1, "keep"), h.attach(t, list1, "lost")
	other := h.attach(t, list2, "other")
	// Not through libcni, which would send a DEL for the attachment that it remembers.
	conf := `{"cniVersion": "1.1.0", "name": "net1", "type": "bulkhead", "stateDir": "` + h.state +
		`", "policyDir": "` + h.policies + `", "cni.dev/valid-attachments": [` +
		`{"containerID": "keep", "ifname": "eth0"}]}`
	if out, _, code := h.raw(t, "GC", keep, []byte(conf)); code != 0 || len(out) != 0 {
		t.Errorf("GC: got exit %d and %s", code, out)
	}
	if n := h.registered(t); n != 2 {
		t.Errorf("registry: got %d attachments, want 2", n)
	}
	for _, a := range []*attachment{keep, other} {
		if err := h.check(a); err != nil {
			t.Errorf("CHECK %s: %v", a.Name, err)
		}
	}
	if out := h.Run(t, "nft", "list", "ruleset"); strings.Contains(out, lost.v4.String()+" ") {
		t.Errorf("rules: got %s in them, want it gone", lost.v4)
	}
}

func TestUnenforceable(t *testing.T) {
	h := newHost(t)
	h.Run(t, "ip", "link", "add", "uplink", "type", "veth", "peer", "name", "wire")
	h.Run(t, "ip", "link", "set", "uplink", "up")
	macvlan := object{"type": "macvlan", "master": "uplink", "ipam": h.hostLocal(1)}
	refused := h.prepare(t, h.list(t, "net1", "1.0.0", macvlan, nil), "web1")
	wantCode(t, h.add(refused), 100, "macvlan", "CNI_IFNAME", "onUnenforceable")
	if err := h.del(refused); err != nil {
		t.Errorf("DEL: %v", err)
	}
	h.wantNothing(t)
	allowed := h.attach(t, h.list(t, "net1", "1.0.0", macvlan,
		object{"onUnenforceable": "allow"}), "web2")
	if err := h.check(allowed); err != nil {
		t.Errorf("CHECK: %v", err)
	}
	if !strings.Contains(h.log.String(), "NOT enforced") {
		t.Errorf("log: got %q, want a warning", h.log.String())
	}
	if err := h.del(allowed); err != nil {
		t.Errorf("DEL: %v", err)
	}
	h.wantNothing(t)
}

func TestPortIsolation(t *testing.T) {
	h := newHost(t)
	a := h.attach(t, h.list(t, "net1", "1.0.0", h.bridge(1), object{"portIsolation": true}), "web1")
	flags := func() string {
		return h.Run(t, "bridge", "-details", "link", "show", "dev", a.result.Interfaces[1].Name)
	}
	if !strings.Contains(flags(), "isolated on") {
		t.Errorf("port: got %s, want isolated on", flags())
	}
	if err := h.check(a); err != nil {
		t.Errorf("CHECK: %v", err)
	}
	h.Run(t, "bridge", "link", "set", "dev", a.result.Interfaces[1].Name, "isolated", "off")
	wantCode(t, h.check(a), 102, "portIsolation")

	routed := h.prepare(t, h.list(t, "net2", "1.0.0", h.ptp(2), object{"portIsolation": true}), "web2")
	wantCode(t, h.add(routed), 7, "portIsolation")
}

func TestDryRun(t *testing.T) {
	h := newHost(t)
	h.policy(t, onlyWebToDB)
	a := h.attach(t, h.list(t, "net1", "1.0.0", h.bridge(1), object{"dryRun": true}), "db1",
		"BULKHEAD_LABELS=app:db")
	for _, word := range []string{"NOT enforced", "operations", a.v4.String(), "web-to-db"} {
		if !strings.Contains(h.log.String(), word) {
			t.Errorf("log: got %q, want %q in it", h.log.String(), word)
		}
	}
	h.wantNothing(t)
	if _, err := os.Stat(h.state); !os.IsNotExist(err) {
		t.Errorf("state directory: got %v, want none", err)
	}
}
