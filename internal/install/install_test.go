// SPDX-License-Identifier: Apache-2.0

package install

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/cli"
)

func put(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// check wants exactly the plugin in the directory, with that content, executable.
func check(t *testing.T, dir, want string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != Plugin ||
		!entries[0].Type().IsRegular() {
		t.Fatalf("got %v, %v, want %s alone, a regular file", entries, err, Plugin)
	}
	info, err := entries[0].Info()
	if err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("mode: got %v, %v, want 0755", info.Mode(), err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, Plugin)); err != nil || string(got) != want {
		t.Errorf("content: got %q, %v, want %q", got, err, want)
	}
}

func TestFile(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	for name, before := range map[string]func(dir string){
		"empty":      func(string) {},
		"older":      func(dir string) { put(t, filepath.Join(dir, Plugin), "old", 0o755) },
		"not mode":   func(dir string) { put(t, filepath.Join(dir, Plugin), "new", 0o644) },
		"suid":       func(dir string) { put(t, filepath.Join(dir, Plugin), "new", 0o4777) },
		"left over":  func(dir string) { put(t, filepath.Join(dir, temporary+"123"), "ne", 0o600) },
		"a link out": func(dir string) { link(t, elsewhere, filepath.Join(dir, Plugin)) },
	} {
		t.Run(name, func(t *testing.T) {
			source, dir := filepath.Join(t.TempDir(), "plugin"), t.TempDir()
			put(t, source, "new", 0o755)
			put(t, elsewhere, "new", 0o755)
			before(dir)
			target := filepath.Join(dir, Plugin)
			if changed, err := File(source, target); err != nil || !changed {
				t.Errorf("got %v, %v, want a change", changed, err)
			}
			check(t, dir, "new")
			if changed, err := File(source, target); err != nil || changed {
				t.Errorf("again: got %v, %v, want no change", changed, err)
			}
			check(t, dir, "new")
		})
	}
}

func link(t *testing.T, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

func TestFileLeavesTheOldOneOnFailure(t *testing.T) {
	source, dir := filepath.Join(t.TempDir(), "plugin"), t.TempDir()
	target := filepath.Join(dir, Plugin)
	put(t, target, "old", 0o755)
	if _, err := File(source, target); err == nil {
		t.Error("no source: got no error")
	}
	check(t, dir, "old")
	put(t, source, "new", 0o755)
	// A directory in the way of the rename fails after everything else went well.
	if err := os.MkdirAll(filepath.Join(dir, "busy", Plugin, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	busy := filepath.Join(dir, "busy")
	if changed, err := File(source, filepath.Join(busy, Plugin)); err == nil || changed {
		t.Errorf("directory in the way: got %v, %v, want an error", changed, err)
	}
	if left, _ := filepath.Glob(filepath.Join(busy, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// installer is set, to its arguments, in the process that replaces the program.
const installer = "BULKHEAD_TEST_INSTALLER"

// TestMain makes this test binary the second process of TestFileIsNeverHalf: a process that
// also starts others would lend them the open file for a moment (ETXTBSY).
func TestMain(m *testing.M) {
	arguments := strings.Fields(os.Getenv(installer))
	if len(arguments) == 0 {
		os.Exit(m.Run())
	}
	target, sources := arguments[0], arguments[1:]
	for i := range 60 {
		if _, err := File(sources[i%len(sources)], target); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// TestFileIsNeverHalf executes a program again and again while another process replaces it.
func TestFileIsNeverHalf(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, Plugin)
	padding := strings.Repeat("# padding\n", 20000)
	arguments := []string{target}
	for i := range 2 {
		path := filepath.Join(t.TempDir(), "plugin")
		put(t, path, fmt.Sprintf("#!/bin/sh\n%s\necho whole %d\n", padding, i), 0o755)
		arguments = append(arguments, path)
	}
	if _, err := File(arguments[1], target); err != nil {
		t.Fatal(err)
	}
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), installer+"="+strings.Join(arguments, " "))
	var errs bytes.Buffer
	other.Stderr = &errs
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- other.Wait() }()
	for runs := 0; ; runs++ {
		select {
		case err := <-done:
			if err != nil || runs < 3 {
				t.Errorf("got %v (%s) after %d executions, want none and at least 3", err, &errs,
					runs)
			}
			return
		default:
		}
		out, err := exec.Command(target).CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), "whole ") {
			t.Errorf("execution %d: got %q, %v", runs, out, err)
		}
	}
}

func TestCommand(t *testing.T) {
	source, dir := filepath.Join(t.TempDir(), "plugin"), t.TempDir()
	put(t, source, "new", 0o755)
	p := cli.Program{Name: "bulkheadd", Commands: []cli.Command{Command()}}
	for _, tc := range []struct {
		line []string
		code int
		want string
	}{
		{[]string{"--bin-dir", dir, "--source", source}, 0, dir + "/bulkhead is installed\n"},
		{[]string{"--bin-dir", dir, "--source", source}, 0, dir + "/bulkhead is up to date\n"},
		{[]string{"--bin-dir", filepath.Join(dir, "no"), "--source", source}, 1, "plugin: "},
		// Beside the test binary lies no plugin.
		{[]string{"--bin-dir", dir}, 1, "no such file"},
		{[]string{dir}, 2, "unexpected argument"},
	} {
		var out bytes.Buffer
		code := p.Run(t.Context(), append([]string{"install"}, tc.line...),
			cli.Streams{Out: &out, Err: &out})
		if code != tc.code || !strings.Contains(out.String(), tc.want) {
			t.Errorf("%v: got %d, %q, want %d, %q", tc.line, code, out.String(), tc.code, tc.want)
		}
	}
	check(t, dir, "new")
}
