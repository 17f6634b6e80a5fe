// SPDX-License-Identifier: Apache-2.0

package cni_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// answer is what the plugin prints when it refuses.
type answer struct {
	CNIVersion string
	Code       uint
	Msg        string
}

// refuses runs the plugin with exactly these variables and demands an error of that code that
// names all of the words.
func (h *host) refuses(t *testing.T, env []string, conf string, code uint, words ...string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(binaries, "bulkhead"))
	cmd.Env = append([]string{}, env...)
	out, _, exit := h.rawCommand(t, cmd, []byte(conf))
	var got answer
	if err := json.Unmarshal(out, &got); err != nil || exit != 1 || got.Code != code ||
		got.CNIVersion == "" {
		t.Errorf("%v with %q: got exit %d and %s, want code %d", env, conf, exit, out, code)
	}
	for _, w := range words {
		if !strings.Contains(got.Msg, w) {
			t.Errorf("%v with %q: got %q, want %q in it", env, conf, got.Msg, w)
		}
	}
}

// TestThreat103: an ADD that no plugin made an interface for changes nothing.
func TestThreat103(t *testing.T) {
	h := newHost(t)
	list := h.list(t, "net1", "1.1.0", h.bridge(1), nil)
	a := h.prepare(t, list, "web1")
	out, _, exit := h.raw(t, "ADD", a, h.conf(t, a, "1.1.0", nil))
	var got answer
	if err := json.Unmarshal(out, &got); err != nil || exit != 1 || got.Code != 7 ||
		!strings.Contains(got.Msg, "prevResult") {
		t.Errorf("ADD without prevResult: got exit %d, %s, want code 7", exit, out)
	}
	h.wantNothing(t)
	if err := h.add(a); err != nil {
		t.Errorf("ADD with prevResult: %v", err)
	}
}

// TestThreat104: DEL succeeds whatever is missing, as often as it is called.
func TestThreat104(t *testing.T) {
	for _, netns := range []string{"", "/gone", "/dev/null", "/proc/self/ns/net"} {
		h := newHost(t)
		a := h.attach(t, h.list(t, "net1", "1.1.0", h.ptp(1), nil), "web1")
		if h.registered(t) != 1 {
			t.Fatal("ADD left nothing that DEL could remove")
		}
		for range 2 {
			cmd := h.command("DEL", a)
			cmd.Env[len(cmd.Env)-1] = "CNI_NETNS=" + netns
			if out, log, exit := h.rawCommand(t, cmd, h.conf(t, a, "1.1.0", nil)); exit != 0 ||
				len(out) > 0 {
				t.Errorf("DEL with CNI_NETNS=%q: got exit %d, %s%s", netns, exit, out, log)
			}
			h.wantNothing(t)
		}
		a.rt.ContainerID = "never-seen"
		if out, _, exit := h.raw(t, "DEL", a, h.conf(t, a, "1.1.0", nil)); exit != 0 || len(out) > 0 {
			t.Errorf("DEL of an unknown id: got exit %d and %s", exit, out)
		}
	}
}

// TestThreat106: CHECK is content right after ADD and with what later plugins change, and notices
// every kind of damage to our rules; apply mends it.
func TestThreat106(t *testing.T) {
	h := newHost(t)
	h.policy(t, onlyWebToDB)
	a := h.attach(t, h.list(t, "net1", "1.1.0", h.bridge(1), nil), "web1")
	content := func(when string) {
		t.Helper()
		if err := h.check(a); err != nil {
			t.Errorf("CHECK %s: %v", when, err)
		}
	}
	content("after ADD")
	h.Nft(t, "table inet later { chain c { type filter hook forward priority 10; drop; }; }")
	h.Run(t, "ip", "link", "set", "cni1", "mtu", "1400")
	content("after changes of others")
	for _, damage := range []string{
		"delete table ip6 bulkhead",
		"flush chain ip bulkhead forward",
		"flush set ip bulkhead bind",
		"delete element bridge bulkhead bind4 { " + firstElement(t, h, "bridge", "bind4") + " }",
		"insert rule ip bulkhead forward accept",
		"flush ruleset",
	} {
		h.Nft(t, damage)
		if err := h.check(a); err == nil {
			t.Errorf("CHECK after %s: got success", damage)
		}
		apply := exec.Command(filepath.Join(binaries, "bulkheadctl"), "apply",
			"--state-dir", h.state, "--policy-dir", h.policies)
		if out, log, err := h.exec(apply, nil); err != nil {
			t.Fatalf("apply after %s: %v: %s%s", damage, err, out, log)
		}
		if err := h.check(a); err != nil {
			t.Errorf("CHECK after %s and apply: %v", damage, err)
		}
	}
}

// firstElement is some element of a set, as nft writes it.
func firstElement(t *testing.T, h *host, family, set string) string {
	t.Helper()
	listing := h.Run(t, "nft", "list", "set", family, "bulkhead", set)
	_, elements, ok := strings.Cut(listing, "elements = {")
	if !ok {
		t.Fatalf("set %s: got %s, want elements", set, listing)
	}
	first, _, _ := strings.Cut(elements, "}")
	first, _, _ = strings.Cut(first, ",")
	return strings.TrimSpace(first)
}

// TestThreat107: GC removes the dead and leaves the living; one it cannot read is reported, and
// does not keep it from the others.
func TestThreat107(t *testing.T) {
	h := newHost(t)
	h.policy(t, onlyWebToDB)
	list := h.list(t, "net1", "1.1.0", h.bridge(1), nil)
	var all []*attachment
	var valid []string
	for i := range 20 {
		all = append(all, h.attach(t, list, fmt.Sprintf("c%d", i)))
		if i >= 5 {
			valid = append(valid, fmt.Sprintf(`{"containerID": "c%d", "ifname": "eth0"}`, i))
		}
	}
	h.damage(t, "c19")
	conf := `{"cniVersion": "1.1.0", "name": "net1", "type": "bulkhead", "stateDir": "` + h.state +
		`", "policyDir": "` + h.policies + `", "cni.dev/valid-attachments": [` +
		strings.Join(valid, ", ") + `]}`
	out, log, exit := h.raw(t, "GC", all[0], []byte(conf))
	if exit != 0 || len(out) > 0 {
		t.Errorf("GC: got exit %d, %s%s", exit, out, log)
	}
	if n := h.registered(t); n != 14 {
		t.Errorf("registry: got %d attachments, want 14: 20 less 5 dead and 1 that is set aside", n)
	}
	rules := h.Run(t, "nft", "list", "set", "ip", "bulkhead", "addresses")
	for i, a := range all {
		lives := i >= 5 && i < 19
		found := slices.Contains(strings.FieldsFunc(rules, func(r rune) bool {
			return strings.ContainsRune(" ,{}\t\n", r)
		}), a.v4.String())
		if found != lives {
			t.Errorf("c%d: got %t in the kernel, want %t", i, found, lives)
		}
	}
}

// damage truncates the registry's file about a container.
func (h *host) damage(t *testing.T, id string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(h.state, "endpoints", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), `"containerID": "`+id+`"`) {
			if err := os.WriteFile(file, text[:len(text)/2], 0o600); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no file about %s in %v", id, files)
}

// TestThreat109: every bad variable is named, and none of them becomes a path.
func TestThreat109(t *testing.T) {
	h := newHost(t)
	dir := filepath.Dir(h.state)
	conf := `{"cniVersion": "1.1.0", "name": "n", "type": "bulkhead", "stateDir": "` + h.state +
		`", "policyDir": "` + h.policies + `"}`
	for _, verb := range []string{"ADD", "CHECK", "DEL"} {
		for _, id := range []string{"../x", "../../../../tmp/x", "/x", ".", "..", "a/b", "a\nb",
			strings.Repeat("x", 300)} {
			h.refuses(t, []string{"CNI_COMMAND=" + verb, "CNI_CONTAINERID=" + id,
				"CNI_IFNAME=eth0", "CNI_NETNS=/x", "CNI_PATH=/x"}, conf, 4, "CNI_CONTAINERID")
		}
		for _, name := range []string{"a/b", "a:b", "..", ".", "a b", "sixteen-letters-"} {
			h.refuses(t, []string{"CNI_COMMAND=" + verb, "CNI_CONTAINERID=../x",
				"CNI_IFNAME=" + name, "CNI_NETNS=/x", "CNI_PATH=/x"}, conf, 4,
				"CNI_CONTAINERID", "CNI_IFNAME")
		}
	}
	h.refuses(t, []string{"CNI_COMMAND=ADD"}, conf, 4, "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME")
	h.refuses(t, []string{"CNI_COMMAND=REMOVE"}, conf, 4, "CNI_COMMAND", "REMOVE")
	h.refuses(t, nil, conf, 4, "CNI_COMMAND")
	h.wantNothing(t)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if rel, _ := filepath.Rel(dir, path); !d.IsDir() && !strings.HasPrefix(rel, "state/lock") {
			t.Errorf("file %s: got one, want none", rel)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestThreat110: input that is not what it should be has its number for every verb.
func TestThreat110(t *testing.T) {
	h := newHost(t)
	netns := h.AddContainer(t, "c").Path()
	const head = `{"cniVersion": "1.1.0", "name": "n", "type": "bulkhead"`
	for _, verb := range []string{"ADD", "CHECK", "DEL", "GC", "STATUS"} {
		env := []string{"CNI_COMMAND=" + verb, "CNI_CONTAINERID=c", "CNI_IFNAME=eth0",
			"CNI_NETNS=" + netns, "CNI_PATH=/x"}
		h.refuses(t, env, "", 5, "stdin")
		h.refuses(t, env, "  \n", 5, "stdin")
		h.refuses(t, env, head, 6)
		h.refuses(t, env, head+`, "name": "m"}`, 6, "name")
		h.refuses(t, env, head+`}{}`, 6)
		h.refuses(t, env, `{"cniVersion": "9.9.9", "name": "n"}`, 1, "9.9.9", "1.1.0")
		h.refuses(t, env, `{"name": "n"}`, 1, "accepted")
		h.refuses(t, env, head+`, "polices": "/x"}`, 2, "polices", `"/x"`)
	}
	h.wantNothing(t)
}

// TestThreat112: the plugin says which versions it speaks, and speaks them: with bridge and ptp,
// every verb that a version has.
func TestThreat112(t *testing.T) {
	h := newHost(t)
	cmd := exec.Command(filepath.Join(binaries, "bulkhead"))
	cmd.Env = []string{"CNI_COMMAND=VERSION"}
	out, _, exit := h.rawCommand(t, cmd, []byte(`{"cniVersion": "0.4.0"}`))
	var got struct {
		CNIVersion        string
		SupportedVersions []string
	}
	versions := []string{"0.3.1", "0.4.0", "1.0.0", "1.1.0"}
	if err := json.Unmarshal(out, &got); err != nil || exit != 0 || got.CNIVersion != "0.4.0" ||
		!slices.Equal(got.SupportedVersions, versions) {
		t.Errorf("VERSION: got exit %d and %s, want %v", exit, out, versions)
	}
	for _, version := range versions {
		h := newHost(t)
		life(t, h, h.list(t, "net1", version, h.bridge(1), nil), version)
	}
}
