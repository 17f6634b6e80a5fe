// SPDX-License-Identifier: Apache-2.0

package config

import (
	"log/slog"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/compile"
)

func TestParse(t *testing.T) {
	config, err := Parse("bulkheadd.yaml", []byte(`
# closed at boot
base:
  interfaces: [br0, cni0, br0]
  prefixes: [cali]
  kinds: [veth]
  subnets:
  - 10.1.0.0/16
  - fd00:1::/64
  epochMask: 0x00ff0000
  passedMark: 0x100
  logGroup: 12
  allowEncapsulation: true
`))
	if err != nil {
		t.Fatal(err)
	}
	want := compile.Config{EpochMask: 0x00ff0000, PassedMark: 0x100, LogGroup: 12,
		AllowEncapsulation: true, Managed: compile.Managed{
			Interfaces: []string{"br0", "cni0"}, Prefixes: []string{"cali"},
			Kinds: []string{"veth"}, Subnets: []netip.Prefix{
				netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/64")}}}
	if !reflect.DeepEqual(config.Base, want) || !config.HasBase {
		t.Errorf("got %+v\nwant %+v", config, want)
	}
}

func TestParseOfNothingIsTheDefault(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n", "base:\n", "{}", "base: {}\n"} {
		if got, err := Parse("f", []byte(text)); err != nil ||
			!reflect.DeepEqual(got.Base, compile.DefaultConfig()) ||
			!reflect.DeepEqual(got.Agent, DefaultAgent()) || got.Denials != DefaultDenials() {
			t.Errorf("%q: got %+v, %v, want the default", text, got, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tc := range []struct {
		text string
		want []string
	}{
		{"bas: {}", []string{`f:1:1: unknown key "bas"; did you mean "base"?`}},
		{"base:\n  interface: [br0]\n  kinds: veth\n  subnets: [10.0.0.1/8, x]\n", []string{
			`f:2:3: unknown key "interface"; did you mean "interfaces"?`,
			`f:3:10: found "veth", accepted a list`,
			`f:4:13: subnet 10.0.0.1/8: has host bits, did you mean 10.0.0.0/8?`,
			`f:4:25: subnet "x": accepted is an address block such as 10.1.0.0/16`}},
		{"base:\n  kinds: [veth]\n  kinds: []\n", []string{
			`f:3:3: key "kinds" is stated in line 2 already`}},
		{"base: [br0]", []string{`f:1:7: found a list, accepted a mapping`}},
		{"base:\n  interfaces: [lo]", []string{
			`f:2:16: interface lo: the node talks to itself there`}},
		{"base:\n  interfaces: [br0-with-a-long-name, \"a b\", null, {}]", []string{
			`f:2:16: interface "br0-with-a-long-name": must have 1 to 15 bytes`,
			`f:2:38: interface "a b": byte ' ' is not allowed`,
			`f:2:45: found "null", accepted a text`,
			`f:2:51: found a mapping, accepted a text`}},
		{"base:\n  prefixes: [l, '']", []string{
			`f:2:14: prefix "l": the interface lo begins so`,
			`f:2:17: prefix: interface "": must have 1 to 15 bytes`}},
		{"base:\n  kinds: [VETH, '']", []string{
			`f:2:11: link kind "VETH": accepted is a word such as veth`,
			`f:2:17: link kind: interface "": must have 1 to 15 bytes`}},
		{"base:\n  subnets: [0.0.0.0/0, '::/0', '::ffff:10.0.0.0/104']", []string{
			`f:2:13: subnet 0.0.0.0/0: is every address, the node's own uplink included`,
			`f:2:24: subnet ::/0: is every address, the node's own uplink included`,
			`f:2:32: subnet ::ffff:10.0.0.0/104: accepted is IPv4 or IPv6, not one inside the other`}},
		{"base:\n  logGroup: 70000\n  epochMask: '0xff000000'\n  allowEncapsulation: 1", []string{
			`f:2:13: found "70000", accepted a number of 16 bits`,
			`f:3:14: found "0xff000000", accepted a number of 32 bits`,
			`f:4:23: found "1", accepted true or false`}},
		{"base:\n  epochMask: 0x7", []string{
			`f: base: epochMask: found 0x7, accepted one run of at least 8 bits`}},
		{"base:\n  kinds: &k [veth]\n  prefixes: *k\n", []string{
			`f:3:13: found an alias, accepted a list`}},
		{"base: {}\n---\nbase: {}\n", []string{`f:2:1: a second document; accepted is one`}},
		{"base: [", []string{`f: `}},
	} {
		_, err := Parse("f", []byte(tc.text))
		if err == nil {
			t.Errorf("%q: got no error", tc.text)
			continue
		}
		lines := strings.Split(err.Error(), "\n")
		if len(lines) != len(tc.want) {
			t.Errorf("%q: got %q\nwant %q", tc.text, lines, tc.want)
			continue
		}
		for i, want := range tc.want {
			if lines[i] != want && !(strings.HasSuffix(want, ": ") &&
				strings.HasPrefix(lines[i], want)) {
				t.Errorf("%q: got %q, want %q", tc.text, lines[i], want)
			}
		}
	}
}

func TestParseAgent(t *testing.T) {
	got, err := Parse("f", []byte(`
agent:
  policyDir: /srv/policies
  stateDir: /run/other
  socket: /run/other/a.sock
  metrics: "[::1]:9000"
  resync: 2m
  logLevel: debug
`))
	want := Agent{PolicyDir: "/srv/policies", StateDir: "/run/other", Socket: "/run/other/a.sock",
		Metrics: "[::1]:9000", Resync: 2 * time.Minute, LogLevel: slog.LevelDebug}
	if err != nil || got.Agent != want || got.HasBase {
		t.Errorf("got %+v, %v\nwant %+v without a base", got, err, want)
	}
	for _, place := range []string{"off", "127.0.0.2:1", "unix:/run/m.sock"} {
		got, err := Parse("f", []byte("agent: {metrics: \""+place+"\"}"))
		if err != nil || got.Agent.Metrics != place {
			t.Errorf("metrics: got %+v, %v, want %s", got.Agent, err, place)
		}
	}
}

func TestParseRefusesAgent(t *testing.T) {
	for text, want := range map[string]string{
		"agent: {policydir: /x}":           `f:1:9: unknown key "policydir"; did you mean "policyDir"?`,
		"agent: {policyDir: x}":            `f:1:20: found "x", accepted an absolute path`,
		"agent: {socket: /}":               `f:1:17: found "/", accepted an absolute path`,
		"agent: {stateDir: 7}":             `f:1:19: found "7", accepted a text`,
		"agent: {metrics: '0.0.0.0:9469'}": `f:1:18: found "0.0.0.0:9469", accepted a loopback`,
		"agent: {metrics: 'localhost:1'}":  `f:1:18: found "localhost:1", accepted a loopback`,
		"agent: {metrics: '127.0.0.1:0'}":  `f:1:18: found "127.0.0.1:0", accepted a loopback`,
		"agent: {metrics: '9469'}":         `f:1:18: found "9469", accepted 127.0.0.1:PORT`,
		"agent: {metrics: 'unix:x'}":       `f:1:18: found "x", accepted an absolute path`,
		"agent: {resync: 30}":              `f:1:17: found "30", accepted a duration`,
		"agent: {resync: 1ms}":             `f:1:17: found "1ms", accepted a duration from 1s`,
		"agent: {logLevel: loud}":          `f:1:19: found "loud", accepted debug, info`,
		"agent: []":                        `f:1:8: found a list, accepted a mapping`,
	} {
		if _, err := Parse("f", []byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}
