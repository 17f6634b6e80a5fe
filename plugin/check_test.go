// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"errors"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	b := newBench(t)
	conf := confWith("", bridgeResult)
	b.fails("CHECK", conf, NotEnforced, "web1/eth0", "not attached")
	b.ok("ADD", conf)
	for _, v := range Versions[1:] {
		if out := b.ok("CHECK", versioned(conf, v)); out != "" {
			t.Errorf("CHECK %s: got output %q, want none", v, out)
		}
	}
	b.fails("CHECK", confWith("", ""), InvalidConf, "prevResult")

	more := strings.Replace(bridgeResult, `"ips": [`,
		`"ips": [{"interface": 2, "address": "10.1.0.6/24"}, `, 1)
	b.ok("CHECK", confWith("", more)) // of a later plugin
	b.fails("CHECK", confWith("", strings.Replace(bridgeResult, "10.1.0.5", "10.1.0.6", 1)),
		NotEnforced, "10.1.0.5", "missing")

	b.links.port.Name = "veth9"
	b.fails("CHECK", conf, NotEnforced, "veth9", "veth1")
	b.links.port.Name = "veth1"
	b.links.port.Bridge = "br9"
	b.fails("CHECK", conf, NotEnforced, "br9")
	b.links.port.Bridge = "br0"
	b.node.drift = errors.Join(errors.New("kernel: rule missing"), errors.New("kernel: set missing"))
	b.fails("CHECK", conf, NotEnforced, "rule missing", "set missing")
	b.node.drift = nil
	b.links.port.MAC[5]++
	b.fails("CHECK", conf, Contradiction, "mac")
}

// TestVerbsNeedTheirVersion: a verb is refused in confs older than itself.
func TestVerbsNeedTheirVersion(t *testing.T) {
	b := newBench(t)
	conf := confWith("", bridgeResult)
	b.fails("CHECK", versioned(conf, "0.3.1"), IncompatibleVersion, "CHECK", "0.4.0")
	for _, v := range Versions[:3] {
		b.fails("GC", versioned(conf, v), IncompatibleVersion, "GC", "1.1.0")
		b.fails("STATUS", versioned(conf, v), IncompatibleVersion, "STATUS", "1.1.0")
	}
}

func TestStatus(t *testing.T) {
	b := newBench(t)
	conf := versioned(confWith("", ""), "1.1.0")
	if out := b.ok("STATUS", conf); out != "" {
		t.Errorf("STATUS: got output %q, want none", out)
	}
	b.missing = []string{"br_netfilter: not loaded", "policyDir: gone"}
	b.fails("STATUS", conf, Unavailable, "br_netfilter", "policyDir")
	b.closed = true
	b.fails("STATUS", conf, Limited, "br_netfilter")
}

func TestVersion(t *testing.T) {
	b := newBench(t)
	b.env = nil
	for stdin, want := range map[string]string{
		`{"cniVersion": "0.4.0"}`: "0.4.0", "": "1.1.0", "rubbish": "1.1.0", "{}": "1.1.0",
	} {
		got := b.ok("VERSION", stdin)
		if got != `{"cniVersion":"`+want+
			`","supportedVersions":["0.3.1","0.4.0","1.0.0","1.1.0"]}`+"\n" {
			t.Errorf("VERSION with %q: got %s", stdin, got)
		}
	}
	b.fails("", "", InvalidEnvironment, "CNI_COMMAND")
	if !strings.Contains(b.stderr, "CNI plugin") {
		t.Errorf("without a command: got %q on stderr, want what this is", b.stderr)
	}
	b.fails("PLEASE", "", InvalidEnvironment, "CNI_COMMAND", "PLEASE")
}
