// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/policy"
)

func TestConf(t *testing.T) {
	got, err := readConf([]byte(`{
		"cniVersion": "1.1.0", "name": "net1", "type": "bulkhead",
		"capabilities": {"portMappings": true}, "runtimeConfig": {"portMappings": []},
		"dns": {}, "ipam": {"type": "x"}, "ipMasq": false, "cni.dev/something": [1],
		"args": {"cni": {"labels": [{"key": "b", "value": "2"}], "ips": []}, "other": 1},
		"policyDir": "/p", "stateDir": "/s", "network": "backend",
		"labels": {"a": "1", "bulkhead.dev/ports": "http=80/tcp"},
		"ports": [{"name": "dns", "protocol": "UDP", "port": 53}, {"name": "web", "port": 80}],
		"onUnenforceable": "allow", "portIsolation": true, "dryRun": true, "agentSocket": null,
		"cni.dev/valid-attachments": [{"containerID": "c", "ifname": "eth0", "more": 1}],
		"cni.dev/attachments": []}`))
	if err != nil {
		t.Fatal(err)
	}
	want := &conf{version: "1.1.0", name: "net1", network: "backend",
		settings: Settings{StateDir: "/s", PolicyDir: "/p"},
		labels:   map[string]string{"a": "1", "bulkhead.dev/ports": "http=80/tcp"},
		ports: []policy.NamedPort{{Name: "dns", Protocol: policy.ProtocolUDP, Port: 53},
			{Name: "web", Protocol: policy.ProtocolTCP, Port: 80}},
		argsLabels: map[string]string{"b": "2"},
		allow:      true, portIsolation: true, dryRun: true,
		valid: map[attachmentID]bool{{"c", "eth0"}: true}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("conf:\n got %+v\nwant %+v", got, want)
	}
}

func TestConfFaults(t *testing.T) {
	key := func(more string) string { return confWith(more, "") }
	for _, tc := range []struct {
		text  string
		code  Code
		words string // divided by |
	}{
		{"", InputOutput, "stdin"},
		{" \n", InputOutput, "stdin"},
		{"{", Undecodable, "EOF"},
		{"x", Undecodable, ""},
		{"[]", Undecodable, "object"},
		{"null", Undecodable, "object"},
		{confWith("", "") + "{}", Undecodable, "after"},
		{key(`"labels": {}, "labels": {}`), Undecodable, "labels|twice"},
		{`{"name": "n"}`, IncompatibleVersion, "cniVersion|0.3.1"},
		{`{"name": "n", "cniVersion": 1}`, Undecodable, "cniVersion"},
		{`{"name": "n", "cniVersion": "0.3.0"}`, IncompatibleVersion, "0.3.0"},
		{`{"name": "n", "cniVersion": "1.2.0", "what": 1}`, IncompatibleVersion, "1.2.0"},
		{`{"name": "n", "CNIVersion": "1.0.0"}`, IncompatibleVersion, ""},
		{`{"cniVersion": "1.0.0"}`, InvalidConf, "name"},
		{`{"cniVersion": "1.0.0", "name": ""}`, InvalidConf, "name"},
		{`{"cniVersion": "1.0.0", "name": "../x"}`, InvalidConf, "name|../x"},
		{`{"cniVersion": "1.0.0", "name": 5}`, InvalidConf, "name"},

		{key(`"polcyDir": "/p"`), UnsupportedField, `polcyDir|"/p"|policyDir`},
		{key(`"PolicyDir": "/p"`), UnsupportedField, "PolicyDir"},
		{key(`"x": {"a":  [1, 2]}`), UnsupportedField, `x|{"a":[1,2]}`},
		{key(`"x": 1, "y": 2, "policyDir": 3`), UnsupportedField, "x|y|policyDir"},
		{key(`"agentSocket": ""`), InvalidConf, "agentSocket|absolute"},
		{key(`"agentSocket": "a.sock"`), InvalidConf, "agentSocket|a.sock"},
		{key(`"agentSocket": "/"`), InvalidConf, "agentSocket"},
		{key(`"agentSocket": "/` + strings.Repeat("x", 107) + `"`), InvalidConf, "107"},
		{key(`"agentSocket": "/s", "onAgentDown": "allow"`), InvalidConf,
			"onAgentDown|allow|quarantine"},
		{key(`"onAgentDown": "quarantine"`), InvalidConf, "onAgentDown|without agentSocket"},
		{key(`"ipMasq": true`), UnsupportedField, "ipMasq"},
		{key(`"policyDir": ""`), InvalidConf, "policyDir"},
		{key(`"policyDir": "policies"`), InvalidConf, "policyDir"},
		{key(`"stateDir": "/run/.."`), InvalidConf, "stateDir"},
		{key(`"stateDir": false`), InvalidConf, "stateDir|false"},
		{key(`"network": "a/b"`), InvalidConf, "network|a/b"},
		{key(`"onUnenforceable": "maybe"`), InvalidConf, "onUnenforceable|maybe|fail"},
		{key(`"portIsolation": "yes"`), InvalidConf, "portIsolation"},
		{key(`"dryRun": 1`), InvalidConf, "dryRun"},

		{key(`"labels": []`), InvalidConf, "labels"},
		{key(`"labels": {"a": 1}`), InvalidConf, "labels.a"},
		{key(`"labels": {"a b": "1"}`), InvalidConf, "labels.a b"},
		{key(`"labels": {"a": "x y"}`), InvalidConf, "labels.a|x y"},
		{key(`"labels": {"a": "` + strings.Repeat("x", 64) + `"}`), InvalidConf, "63"},
		{key(`"labels": {"a": "1", "a": "2"}`), InvalidConf, "labels|twice"},
		{key(`"labels": {"kubernetes.io/metadata.name": "x"}`), InvalidConf, "reserved"},
		{key(`"labels": {"bulkhead.dev/host": "x"}`), InvalidConf, "reserved"},
		{key(`"labels": {"io.kubernetes.pod.namespace": "x"}`), InvalidConf, "reserved"},
		{key(`"labels": {"bulkhead.dev/ports": "http"}`), InvalidConf, "NAME=PORT/PROTOCOL"},
		{key(`"args": 1`), InvalidConf, "args"},
		{key(`"args": {"cni": {"labels": {"a": "b"}}}`), InvalidConf, "args.cni.labels"},
		{key(`"args": {"cni": {"labels": [{"key": "a", "value": 1}]}}`), InvalidConf, "labels[0].value"},
		{key(`"args": {"cni": {"labels": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]}}`),
			InvalidConf, "labels[1]|both"},
		{key(`"args": {"cni": {"labels": [{"key": "a", "val": "1"}]}}`), UnsupportedField,
			"labels[0].val"},

		{key(`"ports": {}`), InvalidConf, "ports"},
		{key(`"ports": [{"name": "a", "proto": "TCP"}]`), UnsupportedField, "ports[0].proto|TCP"},
		{key(`"ports": [{"name": "a", "port": 0}]`), InvalidConf, "ports[0]"},
		{key(`"ports": [{"name": "a", "port": 65536}]`), InvalidConf, "ports[0].port"},
		{key(`"ports": [{"name": "a", "port": "80"}]`), InvalidConf, "ports[0].port"},
		{key(`"ports": [{"name": "80", "port": 80}]`), InvalidConf, "ports[0]|80"},
		{key(`"ports": [{"port": 80}]`), InvalidConf, "ports[0]"},
		{key(`"ports": [{"name": "a", "port": 1, "protocol": "ICMP"}]`), InvalidConf, "protocol|ICMP"},
		{key(`"ports": [{"name": "a", "port": 1}, {"name": "a", "port": 2}]`), InvalidConf,
			"ports[1]|both"},

		{key(`"cni.dev/valid-attachments": {}`), InvalidConf, "valid-attachments"},
		{key(`"cni.dev/valid-attachments": [{"containerID": "a"}]`), InvalidConf, "[0]|ifname"},
		{key(`"cni.dev/valid-attachments": [{"containerID": 1, "ifname": "a"}]`), InvalidConf,
			"[0].containerID"},
	} {
		_, err := readConf([]byte(tc.text))
		var known *Error
		if !errors.As(err, &known) || known.Code != tc.code {
			t.Errorf("%s: got %v, want code %d", tc.text, err, tc.code)
			continue
		}
		for w := range strings.SplitSeq(tc.words, "|") {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: got %v, want %q in it", tc.text, err, w)
			}
		}
	}
}

// TestConfBounds: what is wrong in ten thousand places is told in one message of sane size.
func TestConfBounds(t *testing.T) {
	labels := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.Repeat(",", min(i, 1)))
			b.WriteString(`"k` + strings.Repeat("x", i%40) + strings.Repeat("y", i/40) + `": "v"`)
		}
		return `"labels": {` + b.String() + `}`
	}
	if _, err := readConf([]byte(confWith(labels(maxLabels), ""))); err != nil {
		t.Errorf("%d labels: got %v, want nil", maxLabels, err)
	}
	if _, err := readConf([]byte(confWith(labels(maxLabels+1), ""))); err == nil {
		t.Errorf("%d labels: got nil, want an error", maxLabels+1)
	}
	many := `"ports": [` + strings.Repeat(`{"bad": "`+strings.Repeat("z", 500)+`"},`, 10000) + `{}]`
	_, err := readConf([]byte(confWith(many, "")))
	if err == nil || len(err.Error()) > 8<<10 {
		t.Errorf("ten thousand faults: got a message of %d bytes, want at most 8 KiB", len(err.Error()))
	}
}

func FuzzConf(f *testing.F) {
	f.Add([]byte(confWith(`"labels": {"a": "b"}, "ports": [{"name": "a", "port": 1}]`, bridgeResult)))
	f.Add([]byte(confWith(`"args": {"cni": {"labels": [{"key": "a", "value": "b"}]}}`, "{}")))
	f.Add([]byte(confWith(`"cni.dev/valid-attachments": [{"containerID": "a", "ifname": "b"}]`, "[]")))
	f.Add([]byte(confWith(`"labels": {"bulkhead.dev/ports": "a:1,b=2/udp"}`, "null")))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := readConf(text)
		if err != nil {
			var known *Error
			if !errors.As(err, &known) || known.Msg == "" || len(known.Msg) > 64<<10 {
				t.Errorf("got %#v, want a CNI error", err)
			}
			return
		}
		r, err := c.readResult()
		if err != nil {
			return
		}
		addresses, err := r.addresses("eth0")
		for _, a := range addresses {
			if !a.IsValid() || a.IsMulticast() || a.Is4In6() || a.IsUnspecified() {
				t.Errorf("got address %v", a)
			}
		}
		if err == nil && len(addresses) == 0 {
			t.Error("got neither addresses nor an error")
		}
	})
}
