// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// object is a JSON object.
type object = map[string]any

// conf is the conf of our plugin for a container, with the result of the plugins that have made its
// link; more are further keys.
func (s *site) conf(t testing.TB, name string, more object) []byte {
	t.Helper()
	p := s.plugs[name]
	interfaces := []object{{"name": p.HostInterface},
		{"name": "eth0", "mac": p.MAC.String(), "sandbox": s.boxes[name].Path()}}
	bits := []string{"/32", "/128"}
	if p.Bridge != "" {
		interfaces, bits = append(interfaces, object{"name": p.Bridge}), []string{"/24", "/64"}
	}
	conf := object{"cniVersion": "1.1.0", "name": "test", "type": "bulkhead",
		"stateDir": s.options.StateDir, "policyDir": s.options.PolicyDir,
		"agentSocket": s.socket(), "labels": object{"app": name},
		"prevResult": object{"cniVersion": "1.1.0", "interfaces": interfaces, "ips": []object{
			{"address": p.Addresses[0].String() + bits[0], "interface": 1},
			{"address": p.Addresses[1].String() + bits[1], "interface": 1}}}}
	for k, v := range more {
		conf[k] = v
	}
	text, err := json.Marshal(conf)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// plugin runs a verb of the built plugin for a container, as a runtime does. It returns the code
// and the text of its error, 0 for success.
func (s *site) plugin(t testing.TB, verb, name string, more object) (code uint, words string) {
	t.Helper()
	cmd := exec.Command(program(t, "bulkhead"))
	cmd.Env = []string{"CNI_COMMAND=" + verb, "CNI_PATH=/nowhere", "CNI_IFNAME=eth0",
		"CNI_CONTAINERID=" + strings.Repeat(name, 12), "CNI_NETNS=" + s.boxes[name].Path(),
		"CNI_ARGS=BULKHEAD_NAMESPACE=shop;BULKHEAD_NAME=" + name}
	var out, log bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(s.conf(t, name, more)), &out, &log
	var err error
	s.Do(func() { err = cmd.Start() })
	if err == nil {
		err = cmd.Wait()
	}
	if err == nil {
		return 0, ""
	}
	var exit *exec.ExitError
	var got struct {
		Code uint
		Msg  string
	}
	if !errors.As(err, &exit) || json.Unmarshal(out.Bytes(), &got) != nil || got.Code == 0 {
		t.Fatalf("%s %s: %v\n%s%s", verb, name, err, out.Bytes(), log.Bytes())
	}
	return got.Code, got.Msg
}

// add starts containers through plugin and agent: all of them when none is named.
func (s *site) add(t testing.TB, names ...string) {
	t.Helper()
	if len(names) == 0 {
		names = members
	}
	for _, name := range names {
		if code, words := s.plugin(t, "ADD", name, nil); code != 0 {
			t.Fatalf("ADD %s: got code %d, %s, want success", name, code, words)
		}
	}
}

func (s *site) del(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if code, words := s.plugin(t, "DEL", name, nil); code != 0 {
			t.Fatalf("DEL %s: got code %d, %s, want success", name, code, words)
		}
	}
}

// refuses demands that a verb fails with that code, and all of the words.
func (s *site) refuses(t testing.TB, code uint, verb, name string, more object, words ...string) {
	t.Helper()
	got, said := s.plugin(t, verb, name, more)
	if got != code {
		t.Errorf("%s %s: got code %d, %q, want %d", verb, name, got, said, code)
	}
	for _, w := range words {
		if !strings.Contains(said, w) {
			t.Errorf("%s %s: got %q, want %q in it", verb, name, said, w)
		}
	}
}
