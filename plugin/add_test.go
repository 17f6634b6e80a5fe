// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/link"
	"github.com/bulkhead-net/bulkhead/policy"
)

func addrs(list ...string) (all []netip.Addr) {
	for _, s := range list {
		all = append(all, netip.MustParseAddr(s))
	}
	return all
}

func TestAddAttaches(t *testing.T) {
	b := newBench(t)
	b.node.notes = []string{"policy: web.yaml:3:1: something"}
	before := time.Now()
	b.ok("ADD", confWith(`"stateDir": "/s", "policyDir": "/p", "labels": {"app": "web"}`,
		bridgeResult))
	got := b.node.one(t)
	if got.Created.Before(before) || got.Created.Location() != time.UTC {
		t.Errorf("created: got %v, want now in UTC", got.Created)
	}
	got.Created = time.Time{}
	want := endpoint.Attachment{
		Endpoint: policy.Endpoint{ID: "web1/eth0", Namespace: "default", Name: "web1",
			Interface: "eth0", Network: "net1", Labels: map[string]string{"app": "web"},
			Addresses: addrs("10.1.0.5", "fd00::5")},
		ContainerID: "web1", NetNS: b.netns, NetworkName: "net1",
		HostInterface: "veth1", Bridge: "br0", MAC: testMAC,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("attachment:\n got %+v\nwant %+v", got, want)
	}
	if b.settings != (Settings{StateDir: "/s", PolicyDir: "/p"}) {
		t.Errorf("settings: got %+v", b.settings)
	}
	if !strings.Contains(b.stderr, "web.yaml:3:1") {
		t.Errorf("log: got %q, want the note", b.stderr)
	}
}

// TestAddPassesResultThrough: to the byte, whatever is in it, in every version.
func TestAddPassesResultThrough(t *testing.T) {
	b := newBench(t)
	for _, v := range Versions {
		b.Run(v, func(t *testing.T) {
			got := b.ok("ADD", versioned(confWith("", bridgeResult), v))
			if want := versioned(bridgeResult, v) + "\n"; got != want {
				t.Errorf("result:\n got %s\nwant %s", got, want)
			}
			b.ok("DEL", versioned(confWith("", bridgeResult), v))
			b.node.none(t)
		})
	}
}

func TestAddResultInVersionOfConf(t *testing.T) {
	b := newBench(t)
	const ips = `"interfaces": [{"name": "eth0", "sandbox": "/x"}],
		"ips": [{"version": "4", "interface": 0, "address": "10.1.0.5/24"}]`
	for _, tc := range []struct{ stated, want string }{
		{`{` + ips + `}`, `"cniVersion":"1.0.0"`},
		{`{"cniVersion": "0.4.0", ` + ips + `}`, `"cniVersion":"1.0.0"`},
		{`{"cniVersion": "1.1.0", ` + ips + `}`, `"cniVersion":"1.0.0"`},
	} {
		got := b.ok("ADD", confWith("", tc.stated))
		if !strings.Contains(got, tc.want) || !strings.Contains(got, `10.1.0.5/24`) {
			t.Errorf("%s: got %s, want %s", tc.stated, got, tc.want)
		}
	}
	b.fails("ADD", confWith("", `{"cniVersion": "9.9.9"}`), InvalidConf, "prevResult.cniVersion")
	b.fails("ADD", confWith("", `{"cniVersion": 1}`), InvalidConf, "prevResult.cniVersion")
}

func TestAddAddresses(t *testing.T) {
	two := func(ips string) string {
		return `{"cniVersion": "1.0.0", "interfaces": [{"name": "eth0"},
			{"name": "eth0", "sandbox": "/x"}, {"name": "eth1", "sandbox": "/x"}], "ips": [` + ips + `]}`
	}
	for _, tc := range []struct {
		name, result string
		want         []netip.Addr
	}{
		{"only of the interface", two(`{"interface": 0, "address": "10.0.0.1/8"},
			{"interface": 1, "address": "10.0.0.2/8"}, {"interface": 2, "address": "10.0.0.3/8"}`),
			addrs("10.0.0.2")},
		{"without index", two(`{"address": "10.0.0.2/8"}, {"interface": 1, "address": "fd00::2/8"}`),
			addrs("10.0.0.2", "fd00::2")},
		{"without interfaces", `{"cniVersion": "1.0.0", "ips": [{"address": "10.0.0.2/8"}]}`,
			addrs("10.0.0.2")},
		{"stated twice", two(`{"address": "10.0.0.2/8"}, {"address": "10.0.0.2/16"}`),
			addrs("10.0.0.2")},
	} {
		b := newBench(t)
		b.ok("ADD", confWith("", tc.result))
		if got := b.node.one(t).Endpoint.Addresses; !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, got, tc.want)
		}
	}
	for _, tc := range []struct{ name, result, word string }{
		{"of another interface", two(`{"interface": 2, "address": "10.0.0.2/8"}`), "prevResult.ips"},
		{"beyond the list", two(`{"interface": 3, "address": "10.0.0.2/8"}`), "ips[0].interface"},
		{"negative index", two(`{"interface": -1, "address": "10.0.0.2/8"}`), "ips[0].interface"},
		{"no length", two(`{"address": "10.0.0.2"}`), "ips[0].address"},
		{"leading zeros", two(`{"address": "010.0.0.2/8"}`), "ips[0].address"},
		{"mapped", two(`{"address": "::ffff:10.0.0.2/128"}`), "ips[0].address"},
		{"loopback", two(`{"address": "127.0.0.1/8"}`), "ips[0].address"},
		{"multicast", two(`{"address": "224.0.0.1/8"}`), "ips[0].address"},
		{"unspecified", two(`{"address": "::/0"}`), "ips[0].address"},
		{"none", two(``), "prevResult.ips"},
		{"other interface only", `{"cniVersion": "1.0.0", "interfaces": [{"name": "eth1",
			"sandbox": "/x"}], "ips": [{"address": "10.0.0.2/8"}]}`, "CNI_IFNAME eth0"},
		{"not an object", `[]`, "prevResult"},
		{"bad types", `{"cniVersion": "1.0.0", "ips": 7}`, "prevResult"},
		{"bad mac", `{"cniVersion": "1.0.0", "interfaces": [{"name": "eth0", "sandbox": "/x",
			"mac": "x"}], "ips": [{"address": "10.0.0.2/8"}]}`, "interfaces[0].mac"},
	} {
		b := newBench(t)
		b.fails("ADD", confWith("", tc.result), InvalidConf, tc.word)
		b.node.none(t)
	}
}

func TestAddNeedsPrevResult(t *testing.T) {
	b := newBench(t)
	b.fails("ADD", confWith("", ""), InvalidConf, "prevResult")
	b.fails("ADD", confWith("", "null"), InvalidConf, "prevResult")
	b.node.none(t)
}

func TestAddChecksNamespace(t *testing.T) {
	b := newBench(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/nowhere/netns", file, "/proc/self/ns/net", "/proc/self/ns/uts"} {
		b.env["CNI_NETNS"] = path
		b.fails("ADD", confWith("", bridgeResult), InvalidNetNS, "CNI_NETNS", path)
	}
	b.env["CNI_NETNS"], b.env["CNI_IFNAME"] = b.netns, "none0"
	b.fails("ADD", confWith("", strings.ReplaceAll(bridgeResult, "eth0", "none0")),
		InvalidEnvironment, "CNI_IFNAME", "none0")
	b.node.none(t)
}

func TestAddRefusesContradiction(t *testing.T) {
	b := newBench(t)
	b.links.port.MAC[5]++
	b.fails("ADD", confWith("", bridgeResult), Contradiction, "mac", testMAC)
	b.node.none(t)
	b.links.port.MAC = nil
	b.fails("ADD", confWith("", bridgeResult), Contradiction)
}

func TestAddUnenforceable(t *testing.T) {
	b := newBench(t)
	b.links.err = &link.UnenforceableError{Interface: "eth0", Kind: "macvlan", Why: "test"}
	b.fails("ADD", confWith("", bridgeResult), Unenforceable, "macvlan", "CNI_IFNAME")
	b.fails("ADD", confWith(`"onUnenforceable": "fail"`, bridgeResult), Unenforceable)
	got := b.ok("ADD", confWith(`"onUnenforceable": "allow"`, bridgeResult))
	if got != bridgeResult+"\n" || !strings.Contains(b.stderr, "NOT enforced") {
		t.Errorf("allowed: got %q and log %q", got, b.stderr)
	}
	b.ok("CHECK", confWith(`"onUnenforceable": "allow"`, bridgeResult))
	b.node.none(t)
	b.links.err = errors.New("netlink: something")
	b.fails("ADD", confWith(`"onUnenforceable": "allow"`, bridgeResult), NotEnforced, "netlink")
}

func TestAddPortIsolation(t *testing.T) {
	b := newBench(t)
	const isolate = `"portIsolation": true`
	b.ok("ADD", confWith(isolate, bridgeResult))
	if !b.node.one(t).Isolated || !b.links.isolated["veth1"] {
		t.Errorf("isolated: got %v and %v, want true", b.node.one(t).Isolated, b.links.isolated)
	}
	b.ok("CHECK", confWith(isolate, bridgeResult))
	b.links.isolated["veth1"] = false
	b.fails("CHECK", confWith(isolate, bridgeResult), NotEnforced, "portIsolation")

	b.ok("DEL", confWith(isolate, ""))
	b.node.attachErr = errors.New("apply: refused")
	b.fails("ADD", confWith(isolate, bridgeResult), NotEnforced, "refused")
	if b.links.isolated["veth1"] {
		t.Error("after a failed ADD: got an isolated port, want none")
	}
	b.links.port.Bridge = ""
	b.fails("ADD", confWith(isolate, bridgeResult), InvalidConf, "portIsolation", "veth1")
	b.node.none(t)
}

func TestAddDryRun(t *testing.T) {
	b := newBench(t)
	got := b.ok("ADD", confWith(`"dryRun": true, "portIsolation": true`, bridgeResult))
	if got != bridgeResult+"\n" || !strings.Contains(b.stderr, "would attach web1/eth0\n") {
		t.Errorf("dry run: got %q and log %q", got, b.stderr)
	}
	if len(b.links.isolated) > 0 {
		t.Errorf("isolated: got %v, want nothing", b.links.isolated)
	}
	b.ok("CHECK", confWith(`"dryRun": true`, bridgeResult))
	b.node.none(t)
	b.fails("ADD", confWith(`"dryRun": true`, ""), InvalidConf, "prevResult")
	b.links.err = &link.UnenforceableError{Interface: "eth0", Kind: "macvlan", Why: "test"}
	b.ok("ADD", confWith(`"dryRun": true`, bridgeResult))
}

func TestAddSupersedes(t *testing.T) {
	b := newBench(t)
	b.ok("ADD", confWith("", bridgeResult))
	b.ok("ADD", confWith(`"labels": {"a": "b"}`, bridgeResult))
	if got := b.node.one(t).Endpoint.Labels["a"]; got != "b" {
		t.Errorf("ADD again: got label %q, want %q", got, "b")
	}
	b.links.port.Name = "veth2"
	b.env["CNI_IFNAME"] = "net1"
	b.ok("ADD", confWith("", strings.ReplaceAll(bridgeResult, "eth0", "net1")))
	b.node.many(t, 2)
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestAddUndoneWithoutReader(t *testing.T) {
	b := newBench(t)
	var log strings.Builder
	b.env["CNI_COMMAND"] = "ADD"
	exit := b.plugin.Run(Streams{Getenv: func(k string) string { return b.env[k] },
		Stdin:  strings.NewReader(confWith("", bridgeResult)),
		Stdout: brokenPipe{}, Stderr: &log})
	if exit != 1 || !strings.Contains(log.String(), "ADD is undone") {
		t.Errorf("closed stdout: got exit %d and %q", exit, &log)
	}
	b.node.none(t)
}

func TestTimeout(t *testing.T) {
	b := newBench(t)
	b.plugin.Timeout = 200 * time.Millisecond
	b.node.wait = true
	b.fails("ADD", confWith("", bridgeResult), TryAgain, "web1/eth0")
	b.node.none(t)
	b.openErr = fmt.Errorf("lock: %w", os.ErrDeadlineExceeded)
	b.fails("ADD", confWith("", bridgeResult), NotEnforced, "lock")

	// Input that never ends must not keep the process.
	r, w := io.Pipe()
	defer w.Close()
	var out strings.Builder
	started := time.Now()
	exit := b.plugin.Run(Streams{Getenv: func(string) string { return "STATUS" },
		Stdin: r, Stdout: &out, Stderr: io.Discard})
	if exit != 1 || !strings.Contains(out.String(), `"code": 11`) {
		t.Errorf("open stdin: got exit %d and %s, want code 11", exit, out.String())
	}
	if d := time.Since(started); d > 5*time.Second {
		t.Errorf("open stdin: got an answer after %v", d)
	}
}
