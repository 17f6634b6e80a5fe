// SPDX-License-Identifier: Apache-2.0

package cni_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// conf is the conf of our plugin as a runtime sends it after the other plugins.
func (h *host) conf(t *testing.T, a *attachment, version string, prevResult []byte) []byte {
	t.Helper()
	conf := object{"cniVersion": version, "name": a.list.Name, "type": "bulkhead",
		"stateDir": h.state, "policyDir": h.policies}
	if prevResult != nil {
		conf["prevResult"] = json.RawMessage(prevResult)
	}
	text, err := json.Marshal(conf)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// command is a call of the plugin for an attachment.
func (h *host) command(verb string, a *attachment) *exec.Cmd {
	cmd := exec.Command(filepath.Join(binaries, "bulkhead"))
	cmd.Env = []string{"CNI_COMMAND=" + verb, "CNI_PATH=" + binaries,
		"CNI_CONTAINERID=" + a.rt.ContainerID, "CNI_IFNAME=" + a.rt.IfName,
		"CNI_NETNS=" + a.rt.NetNS}
	return cmd
}

func (h *host) raw(t *testing.T, verb string, a *attachment, conf []byte) (
	stdout, stderr []byte, exit int) {
	t.Helper()
	return h.rawCommand(t, h.command(verb, a), conf)
}

func (h *host) rawCommand(t *testing.T, cmd *exec.Cmd, conf []byte) (
	stdout, stderr []byte, exit int) {
	t.Helper()
	stdout, stderr, err := h.exec(cmd, conf)
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatalf("%v: %v", cmd, err)
	}
	return stdout, stderr, cmd.ProcessState.ExitCode()
}

// TestRawErrors: the built binary tells what is wrong, on stdout, in JSON, by number and name.
func TestRawErrors(t *testing.T) {
	h := newHost(t)
	dir := filepath.Dir(h.state)
	const head = `{"cniVersion": "1.1.0", "name": "n", "type": "bulkhead"`
	conf := head + `, "stateDir": "` + h.state + `", "policyDir": "` + h.policies + `"}`
	netns := "CNI_NETNS=" + h.AddContainer(t, "c").Path()
	for _, tc := range []struct {
		env   string
		conf  string
		code  uint
		words string
	}{
		{"", conf, 4, "CNI_COMMAND"},
		{"CNI_COMMAND=ADD", conf, 4, "CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME"},
		{"CNI_COMMAND=ADD CNI_CONTAINERID=../x CNI_IFNAME=a/b", conf, 4, "../x|a/b|CNI_NETNS"},
		{"CNI_COMMAND=DEL CNI_CONTAINERID=../../x CNI_IFNAME=eth0", conf, 4, "CNI_CONTAINERID"},
		{"CNI_COMMAND=CHECK CNI_CONTAINERID=a CNI_IFNAME=a:b CNI_NETNS=/x", conf, 4, "CNI_IFNAME"},
		{"CNI_COMMAND=GC", conf, 4, "CNI_PATH"},
		{"CNI_COMMAND=STATUS", "", 5, "stdin"},
		{"CNI_COMMAND=STATUS", "{", 6, "EOF"},
		{"CNI_COMMAND=STATUS", `{"name": "n", "cniVersion": "7.0.0"}`, 1, "7.0.0|1.1.0"},
		{"CNI_COMMAND=STATUS", `{"name": "n", "cniVersion": "1.0.0"}`, 1, "STATUS"},
		{"CNI_COMMAND=STATUS", head + `, "polices": "/x"}`, 2, `polices|"/x"`},
		{"CNI_COMMAND=STATUS", head + `, "ipMasq": true}`, 2, `ipMasq|another plugin`},
		{"CNI_COMMAND=STATUS", head + `, "agentSocket": "x"}`, 7, `agentSocket|"x"`},
		{"CNI_COMMAND=STATUS", head + `, "agentSocket": "/x", "policyDir": "` + h.policies + `"}`, 50,
			"agent /x|down"},
		{"CNI_COMMAND=STATUS", head + `, "policyDir": "x"}`, 7, "policyDir"},
		{"CNI_COMMAND=STATUS", head + `, "stateDir": "` + h.state + `", "policyDir": "/nowhere"}`, 50,
			"policyDir|/nowhere"},
		{"CNI_COMMAND=STATUS", head + `, "stateDir": "/proc/1", "policyDir": "` + h.policies + `"}`, 50,
			"stateDir|/proc/1"},
		{"CNI_COMMAND=GC CNI_PATH=/x", conf, 7, "cni.dev/valid-attachments"},
		{"CNI_COMMAND=ADD CNI_CONTAINERID=a CNI_IFNAME=eth0 " + netns, conf, 7, "prevResult"},
		{"CNI_COMMAND=CHECK CNI_CONTAINERID=a CNI_IFNAME=eth0 " + netns, conf, 7, "prevResult"},
		{"CNI_COMMAND=ADD CNI_CONTAINERID=a CNI_IFNAME=eth0 CNI_NETNS=/nowhere",
			conf[:len(conf)-1] + `, "prevResult": {"ips": [{"address": "10.0.0.1/8"}]}}`, 8, "CNI_NETNS"},
		{"CNI_COMMAND=ADD CNI_CONTAINERID=a CNI_IFNAME=eth0 " + netns,
			conf[:len(conf)-1] + `, "prevResult": {"ips": [{"address": "10.0.0.1/8"}]}}`, 4, "CNI_IFNAME"},
	} {
		cmd := exec.Command(filepath.Join(binaries, "bulkhead"))
		cmd.Env = strings.Fields(tc.env)
		if cmd.Env == nil {
			cmd.Env = []string{} // nil would be ours
		}
		out, _, exit := h.rawCommand(t, cmd, []byte(tc.conf))
		var got struct {
			CNIVersion string
			Code       uint
			Msg        string
		}
		if err := json.Unmarshal(out, &got); err != nil || exit != 1 || got.Code != tc.code ||
			got.CNIVersion == "" {
			t.Errorf("%s with %s: got exit %d and %s, want code %d", tc.env, tc.conf, exit, out, tc.code)
		}
		for w := range strings.SplitSeq(tc.words, "|") {
			if !strings.Contains(got.Msg, w) {
				t.Errorf("%s with %s: got %q, want %q in it", tc.env, tc.conf, got.Msg, w)
			}
		}
	}
	h.wantNothing(t)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 2 {
		t.Errorf("files: got %v, %v, want the directories state and policies", entries, err)
	}
}

// TestRawDel: there is nothing that DEL could miss.
func TestRawDel(t *testing.T) {
	h := newHost(t)
	a := h.attach(t, h.list(t, "net1", "1.0.0", h.bridge(1), nil), "web1")
	conf := h.conf(t, a, "1.0.0", nil)
	for _, netns := range []string{"/gone", "", "/dev/null"} {
		cmd := h.command("DEL", a)
		cmd.Env[len(cmd.Env)-1] = "CNI_NETNS=" + netns
		if out, _, exit := h.rawCommand(t, cmd, conf); exit != 0 || len(out) > 0 {
			t.Errorf("DEL with CNI_NETNS=%q: got exit %d and %s", netns, exit, out)
		}
		h.wantNothing(t)
	}
	a.rt.ContainerID = "unknown"
	if out, _, exit := h.raw(t, "DEL", a, conf); exit != 0 || len(out) > 0 {
		t.Errorf("DEL of an unknown id: got exit %d and %s", exit, out)
	}
	// Not even the policies.
	if err := os.RemoveAll(h.policies); err != nil {
		t.Fatal(err)
	}
	if out, _, exit := h.raw(t, "DEL", a, conf); exit != 0 || len(out) > 0 {
		t.Errorf("DEL without policies: got exit %d and %s", exit, out)
	}
}

// TestRawClosedPipes: an ADD whose result nobody reads is undone, and a log that nobody reads
// stops nothing.
func TestRawClosedPipes(t *testing.T) {
	h := newHost(t)
	h.policy(t, "kind: Nonsense\n") // something to log
	a := h.attach(t, h.list(t, "net1", "1.0.0", h.bridge(1), nil), "web1")
	result, err := json.Marshal(a.result)
	if err != nil {
		t.Fatal(err)
	}
	conf := h.conf(t, a, "1.0.0", result)
	closed := func() *os.File {
		t.Helper()
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		t.Cleanup(func() { w.Close() })
		return w
	}
	for _, tc := range []struct {
		name           string
		stdout, stderr *os.File
		want           int
	}{
		{"stderr closed", nil, closed(), 1},
		{"stdout closed", closed(), nil, 0},
		{"both closed", closed(), closed(), 0},
	} {
		cmd := h.command("ADD", a)
		cmd.Stdin = bytes.NewReader(conf)
		// Not cmd.Stdout = tc.stdout: a nil *os.File is no nil io.Writer.
		if tc.stdout != nil {
			cmd.Stdout = tc.stdout
		}
		if tc.stderr != nil {
			cmd.Stderr = tc.stderr
		}
		var err error
		h.Do(func() { err = cmd.Start() })
		if err == nil {
			err = cmd.Wait()
		}
		if (err == nil) != (tc.want == 1) {
			t.Errorf("%s: got %v", tc.name, err)
		}
		if n := h.registered(t); n != tc.want {
			t.Errorf("%s: got %d attachments, want %d", tc.name, n, tc.want)
		}
	}
	h.wantNothing(t)
}
