// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// instruction is one line of the Dockerfile.
type instruction struct{ word, rest string }

// instructions are the Dockerfile without comments, continued lines joined.
func instructions(t *testing.T) []instruction {
	t.Helper()
	text := strings.ReplaceAll(read(t, "../Dockerfile"), "\\\n", " ")
	known := []string{"FROM", "WORKDIR", "COPY", "RUN", "ENTRYPOINT", "CMD"}
	var out []instruction
	for _, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		if !slices.Contains(known, word) {
			t.Fatalf("Dockerfile: instruction %q, want one of %v", word, known)
		}
		out = append(out, instruction{word, strings.TrimSpace(rest)})
	}
	if len(out) == 0 || out[0].word != "FROM" {
		t.Fatal("Dockerfile: does not begin with FROM")
	}
	return out
}

// execForm reads the JSON list of ENTRYPOINT and CMD: a shell form would need a shell, which
// an image from scratch has not.
func execForm(t *testing.T, all []instruction, word string) []string {
	t.Helper()
	var list []string
	for _, i := range all {
		if i.word == word {
			if err := json.Unmarshal([]byte(i.rest), &list); err != nil {
				t.Fatalf("%s %s: %v", word, i.rest, err)
			}
		}
	}
	return list
}

// buildStage carries out the build stage's RUN lines in the source tree, with its output
// directory moved, and returns that directory. The modules are here already.
func buildStage(t *testing.T, all []instruction) string {
	t.Helper()
	out := t.TempDir()
	for _, i := range all {
		if i.word != "RUN" || i.rest == "go mod download" {
			continue
		}
		line := strings.ReplaceAll(i.rest, "/out", out)
		cmd := exec.Command("sh", "-ec", line)
		cmd.Dir = ".."
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("RUN %s: %v\n%s", i.rest, err, text)
		}
	}
	return out
}

func TestImage(t *testing.T) {
	all := instructions(t)
	last := all[slices.IndexFunc(all, func(i instruction) bool { return i.rest == "scratch" }):]
	if len(last) != 4 || last[1].word != "COPY" {
		t.Fatalf("last stage: got %v, want FROM scratch, one COPY, ENTRYPOINT and CMD", last)
	}
	copied := strings.Fields(last[1].rest)
	if len(copied) != 3 || copied[0] != "--from=build" || copied[1] != "/out/" {
		t.Fatalf("COPY: got %v, want all of the build stage's /out/", copied)
	}
	out := buildStage(t, all)
	for _, name := range []string{"bulkhead", "bulkheadctl", "bulkheadd"} {
		static(t, filepath.Join(out, name))
	}
	entry := execForm(t, all, "ENTRYPOINT")
	if len(entry) != 1 || path.Dir(entry[0])+"/" != copied[2] {
		t.Fatalf("ENTRYPOINT: got %v, want a program in %s", entry, copied[2])
	}
	installs(t, out, path.Base(entry[0]), execForm(t, all, "CMD"))
}

// static fails the test unless a program runs without a loader and libraries.
func static(t *testing.T, program string) {
	t.Helper()
	f, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	libraries, err := f.ImportedLibraries()
	if err != nil || len(libraries) > 0 {
		t.Errorf("%s: libraries %v, %v, want none", program, libraries, err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Errorf("%s: has a loader", program)
		}
	}
}

// installs runs the image's command with its plugin directory moved.
func installs(t *testing.T, image, entry string, command []string) {
	t.Helper()
	const mounted = "/host/opt/cni/bin"
	i := slices.Index(command, mounted)
	if i < 0 {
		t.Fatalf("CMD: got %v, want %s in it", command, mounted)
	}
	command[i] = t.TempDir()
	// Nothing but the image's own files: no PATH, no environment.
	cmd := exec.Command(filepath.Join(image, entry), command...)
	cmd.Env = []string{}
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", entry, command, err, text)
	}
	want, err := os.ReadFile(filepath.Join(image, "bulkhead"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(command[i], "bulkhead"))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("plugin: %d bytes, %v, want the image's %d", len(got), err, len(want))
	}
}
