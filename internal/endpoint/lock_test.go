// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The test binary is also the child that is killed: one holds a lock, one writes for ever.
const (
	holdVariable  = "BULKHEAD_TEST_HOLD"
	writeVariable = "BULKHEAD_TEST_WRITE"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(holdVariable); path != "" {
		if _, err := AcquireLock(context.Background(), path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("ready")
		time.Sleep(time.Minute)
		os.Exit(1)
	}
	if dir := os.Getenv(writeVariable); dir != "" {
		writeForEver(dir)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// child starts the test binary in a role and waits until it is ready.
func child(t *testing.T, variable, value string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), variable+"="+value)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "ready\n" {
		t.Fatalf("child: got %q, %v, want ready", line, err)
	}
	return cmd
}

func acquire(path string, timeout time.Duration) (*Lock, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return AcquireLock(ctx, path)
}

func TestLockDiesWithItsHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	holder := child(t, holdVariable, path)
	_, err := acquire(path, 50*time.Millisecond)
	if !errors.Is(err, context.DeadlineExceeded) ||
		!strings.Contains(err.Error(), strconv.Itoa(holder.Process.Pid)) {
		t.Errorf("while held: got %v, want a deadline and the holder's pid", err)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	l, err := acquire(path, 5*time.Second)
	if err != nil {
		t.Fatalf("after kill -9: got %v, want the lock", err)
	}
	if err := l.Unlock(); err != nil {
		t.Error(err)
	}
}

func TestAbandonedWaitKeepsNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := acquire(path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		timeout := time.Duration(i) * time.Millisecond
		if _, err := acquire(path, timeout); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while held: got %v, want %v", err, context.DeadlineExceeded)
		}
	}
	first.Unlock()
	for range 50 { // races the abandoned waits, and deadlines that come with the lock
		if l, err := acquire(path, time.Microsecond); err == nil {
			l.Unlock()
		}
	}
	l, err := acquire(path, 5*time.Second)
	if err != nil {
		t.Fatalf("after abandoned waits: got %v, want the lock", err)
	}
	l.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := AcquireLock(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v, want %v", err, context.Canceled)
	}
}

func TestLockExcludes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	var wg sync.WaitGroup
	// Guarded by the lock alone, of which the race detector knows nothing: hence atomic, but
	// in steps that lose counts without the lock.
	var counter, inside atomic.Int32
	for range 64 {
		wg.Go(func() {
			l, err := acquire(path, 20*time.Second)
			if err != nil {
				t.Error(err)
				return
			}
			if n := inside.Add(1); n != 1 {
				t.Errorf("inside: got %d holders, want 1", n)
			}
			n := counter.Load()
			time.Sleep(time.Millisecond)
			counter.Store(n + 1)
			inside.Add(-1)
			l.Unlock()
		})
	}
	wg.Wait()
	if n := counter.Load(); n != 64 {
		t.Errorf("counter: got %d, want 64", n)
	}
}

// TestReplacedLockFile: whoever waited for a file that was removed must not believe it.
func TestReplacedLockFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	old, err := acquire(path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	waiter := make(chan *Lock)
	go func() {
		l, err := acquire(path, 10*time.Second)
		if err != nil {
			t.Errorf("waiter: %v", err)
		}
		waiter <- l
	}()
	time.Sleep(50 * time.Millisecond)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	fresh, err := acquire(path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	old.Unlock()
	select {
	case <-waiter:
		t.Error("waiter: got the removed file's lock beside the new one")
	case <-time.After(100 * time.Millisecond):
		fresh.Unlock()
		(<-waiter).Unlock()
	}
}

func TestLockPathMayNotBeALink(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), filepath.Join(dir, "lock")); err != nil {
		t.Fatal(err)
	}
	if l, err := acquire(filepath.Join(dir, "lock"), time.Second); err == nil {
		l.Unlock()
		t.Error("link: got the lock, want an error")
	}
}

func writeForEver(dir string) {
	r, err := Open(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := 0; ; i++ {
		a := sample("crash")
		a.Endpoint.Name = strings.Repeat(strconv.Itoa(i%10), 1+i%5000)
		if err := r.Put(a); err != nil {
			fmt.Println(err)
			return
		}
		if i == 0 {
			fmt.Println("ready")
		}
		if i%7 == 6 {
			if err := r.Delete(a.Endpoint.ID); err != nil {
				fmt.Println(err)
				return
			}
		}
	}
}

// TestCrash kills a writer at arbitrary moments; what is left is a whole attachment or none.
func TestCrash(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	for i := range 20 {
		writer := child(t, writeVariable, dir)
		for range 5 {
			time.Sleep(time.Duration(i) * 300 * time.Microsecond)
			if _, corrupt, err := r.All(); err != nil || len(corrupt) != 0 {
				t.Errorf("while writing: got %v, %v", corrupt, err)
			}
		}
		writer.Process.Kill()
		writer.Wait()
		got, corrupt, err := r.All()
		if err != nil || len(corrupt) != 0 || len(got) > 1 {
			t.Errorf("after kill: got %d attachments, %v, %v", len(got), corrupt, err)
		}
	}
	put(t, r, sample("crash"))
	want(t, r, sample("crash"))
	entries, err := os.ReadDir(r.dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("files: got %v, %v, want the attachment and corrupt/", entries, err)
	}
}
