// SPDX-License-Identifier: Apache-2.0

package agentapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// serverVariable makes the test binary a server whose handler hangs.
const serverVariable = "BULKHEAD_TEST_SOCKET"

func TestMain(m *testing.M) {
	if socket := os.Getenv(serverVariable); socket != "" {
		s, err := Listen(context.Background(), Options{Socket: socket})
		if err == nil {
			err = s.Serve(context.Background(), handler(func(ctx context.Context, r Request) (any, error) {
				fmt.Println("handles", r.Verb)
				select {}
			}))
		}
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// child starts a server in a process of its own.
func child(t *testing.T, socket string) (*exec.Cmd, chan string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), serverVariable+"="+socket)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	lines := make(chan string, 10)
	go func() {
		buf := make([]byte, 100)
		for {
			n, err := out.Read(buf)
			if err != nil {
				return
			}
			lines <- string(buf[:n])
		}
	}()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Lstat(socket); err == nil {
			return cmd, lines
		} else if time.Now().After(deadline) {
			t.Fatal("child: got no socket")
		}
	}
}

// TestKillInMidRequest: the requester hears at once, knows that the agent is down, and the next
// agent takes the place of the dead one.
func TestKillInMidRequest(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "agent.sock")
	cmd, lines := child(t, socket)
	answered := make(chan error, 1)
	go func() {
		_, err := Call(t.Context(), socket, Request{Verb: VerbApply})
		answered <- err
	}()
	if got := <-lines; !strings.Contains(got, "handles apply") {
		t.Fatalf("child: got %q, want a request", got)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-answered:
		if !errors.Is(err, ErrDown) || !errors.Is(err, ErrLost) || errors.Is(err, ErrTimeout) {
			t.Errorf("killed: got %v, want ErrLost", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("killed: got no error, want ErrLost at once")
	}
	cmd.Wait()
	// The file is still there, and nobody behind it.
	if info, err := os.Lstat(socket); err != nil || info.Mode().Type() != os.ModeSocket {
		t.Fatalf("socket of the dead: got %v and %v, want it left", info, err)
	}
	_, err := Call(t.Context(), socket, Request{Verb: VerbReady})
	if !errors.Is(err, ErrDown) || errors.Is(err, ErrLost) {
		t.Errorf("dead socket: got %v, want ErrDown that is not ErrLost", err)
	}
	start(t, Options{Socket: socket}, ready).wantServing(t)
}

func TestNobodyThere(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "none"), filepath.Join(dir, "no", "dir"),
		filepath.Join(file, "below"), file} {
		if _, err := Call(t.Context(), path, Request{Verb: VerbReady}); !errors.Is(err, ErrDown) {
			t.Errorf("%s: got %v, want ErrDown", path, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Call(ctx, filepath.Join(dir, "none"), Request{Verb: VerbReady})
	if err == nil || errors.Is(err, ErrTimeout) {
		t.Errorf("called off: got %v, want an error that is no timeout", err)
	}
}

func TestListenRefuses(t *testing.T) {
	living := start(t, Options{}, ready)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "foreign")
	l, err := net.Listen("unix", foreign)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	shared := filepath.Join(dir, "shared")
	if err := os.Mkdir(shared, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(shared, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ socket, word string }{
		{living.socket, ErrInUse.Error()}, {foreign, ErrInUse.Error()}, {file, "else than a socket"},
		{filepath.Join(shared, "s"), "mode 0777"}, {"agent.sock", "absolute"},
		{filepath.Join(dir, strings.Repeat("x", 200)), "at most 107"},
	} {
		s, err := Listen(t.Context(), Options{Socket: tc.socket})
		if err == nil {
			t.Errorf("%s: got a server, want an error", tc.socket)
			s.Close()
			continue
		}
		if !strings.Contains(err.Error(), tc.word) {
			t.Errorf("%s: got %v, want %q in it", tc.socket, err, tc.word)
		}
	}
	living.wantServing(t)
	if text, err := os.ReadFile(file); err != nil || string(text) != "precious" {
		t.Errorf("file: got %q and %v, want it as it was", text, err)
	}
	if _, err := os.Lstat(foreign); err != nil {
		t.Errorf("socket of somebody else: got %v, want it as it was", err)
	}
}

func TestSocketIsForItsOwnerAlone(t *testing.T) {
	r := start(t, Options{}, ready)
	for path, want := range map[string]os.FileMode{r.socket: 0o600, filepath.Dir(r.socket): 0o700} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s: got mode %04o, want %04o", path, got, want)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(r.socket))
	if err != nil || len(entries) != 2 { // with the lock
		t.Errorf("beside the socket: got %v and %v, want the lock alone", entries, err)
	}
}

// asUser runs f on a thread of another user, which ends with it.
func asUser(t *testing.T, uid uintptr, f func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good: the thread cannot become root again
		if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, uid, uid, uid); e != 0 {
			done <- fmt.Errorf("setresuid: %w", e)
			return
		}
		done <- f()
	}()
	return <-done
}

// TestOthersCannotAsk: the mode keeps other users out, and who they are, should the mode be lost.
func TestOthersCannotAsk(t *testing.T) {
	dir, err := os.MkdirTemp("", "bulkhead-socket-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r := start(t, Options{Socket: filepath.Join(dir, "agent.sock")}, ready)
	ask := func() error {
		_, err := Call(context.Background(), r.socket, Request{Verb: VerbReady})
		return err
	}
	if err := asUser(t, 0, ask); err != nil {
		t.Errorf("root: got %v, want an answer", err)
	}
	if err := asUser(t, 1000, ask); !errors.Is(err, syscall.EACCES) {
		t.Errorf("user 1000: got %v, want EACCES", err)
	}
	if err := os.Chmod(r.socket, 0o666); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := asUser(t, 1000, ask); !errors.Is(err, ErrDown) {
			t.Errorf("user 1000 with the mode lost: got %v, want a closed connection", err)
		}
	}
	if n := strings.Count(r.log.String(), "user 1000"); n != 1 {
		t.Errorf("log: got %d lines about user 1000, want 1 of 5\n%s", n, r.log)
	}
	r.wantServing(t)
}

func TestLimiterCountsWhatItHolds(t *testing.T) {
	var l limiter
	now := time.Unix(1000, 0)
	for i, tc := range []struct {
		after time.Duration
		held  int
		ok    bool
	}{
		{0, 0, true}, {0, 0, false}, {logPause - 1, 0, false}, {logPause, 2, true},
		{logPause + 1, 0, false}, {3 * logPause, 1, true}, {4 * logPause, 0, true},
	} {
		if held, ok := l.allow(now.Add(tc.after)); held != tc.held || ok != tc.ok {
			t.Errorf("step %d: got %d and %t, want %d and %t", i, held, ok, tc.held, tc.ok)
		}
	}
}
