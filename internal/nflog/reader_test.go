// SPDX-License-Identifier: Apache-2.0

package nflog_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-net/bulkhead/internal/nflog"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// A group has one reader, which the error says; it is free again when that is closed.
func TestGroupIsBusy(t *testing.T) {
	ns := testnet.NewNamespace(t, "busy")
	first := open(t, ns, nflog.Options{})
	_, err := nflog.Open(nflog.Options{NetNS: ns.FD(), Group: group})
	if !errors.Is(err, nflog.ErrBusy) || !errors.Is(err, unix.EBUSY) ||
		!strings.Contains(err.Error(), "group 4711") {
		t.Errorf("second reader: got %v, want that group 4711 is busy", err)
	}
	other, err := nflog.Open(nflog.Options{NetNS: ns.FD(), Group: group + 1})
	if err != nil {
		t.Fatalf("another group: got %v", err)
	}
	other.Close()
	open(t, testnet.NewNamespace(t, "elsewhere"), nflog.Options{})
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, ns, nflog.Options{})
}

// Two readers of two namespaces each get what is theirs.
func TestTwoReaders(t *testing.T) {
	ls := []*lo{newLo(t), newLo(t)}
	rs := []*nflog.Reader{open(t, ls[0].Namespace, nflog.Options{}),
		open(t, ls[1].Namespace, nflog.Options{})}
	for i, l := range ls {
		l.send(t, 100*(i+1))
	}
	for i, r := range rs {
		if received, lost := drain(t, r); received != 100*(i+1) || lost != (nflog.Loss{}) {
			t.Errorf("reader %d: got %d messages and %+v, want %d", i, received, lost, 100*(i+1))
		}
	}
}

func TestReadEndsWithItsContext(t *testing.T) {
	l := newLo(t)
	r := open(t, l.Namespace, nflog.Options{})
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		if b, err := r.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %+v, %v, want the context's error", b, err)
		}
		cancel()
		if _, err := r.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended before: got %v, want the context's error", err)
		}
		// The next Read is not concerned.
		l.send(t, 1)
		one(t, r)
	}
}

func TestCloseEndsRead(t *testing.T) {
	r := open(t, testnet.NewNamespace(t, "close"), nflog.Options{})
	result := make(chan error)
	go func() {
		_, err := r.Read(context.Background())
		result <- err
	}()
	time.Sleep(20 * time.Millisecond) // most likely it waits by now; it need not
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-result:
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("got %v, want os.ErrClosed", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Read goes on after Close")
	}
	if _, err := r.Read(context.Background()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: got %v, want os.ErrClosed", err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("second Close: got %v, want nothing to do", err)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

// Opening, reading, failing and closing leave no descriptor, goroutine or thread behind.
func TestNothingLeaks(t *testing.T) {
	l := newLo(t)
	threads := func() int {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			t.Fatal(err)
		}
		return len(tasks)
	}
	use := func() {
		r, err := nflog.Open(nflog.Options{NetNS: l.FD(), Group: group})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if _, err := nflog.Open(nflog.Options{NetNS: l.FD(), Group: group}); err == nil {
			t.Error("second reader: got no error")
		}
		l.send(t, 1)
		one(t, r)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := r.Read(ctx); err == nil {
			t.Error("got a batch of nothing")
		}
	}
	for range 10 {
		use() // what the runtime opens once
	}
	files, routines, tasks := descriptors(t), runtime.NumGoroutine(), threads()
	for range 50 {
		use()
	}
	if _, err := nflog.Open(nflog.Options{NetNS: 1 << 20, Group: group}); err == nil {
		t.Error("namespace that is none: got no error")
	}
	deadline := time.Now().Add(5 * time.Second)
	for descriptors(t) > files || runtime.NumGoroutine() > routines || threads() > tasks+4 {
		if time.Now().After(deadline) {
			t.Fatalf("got %d descriptors, %d goroutines, %d threads, want %d, %d and about %d",
				descriptors(t), runtime.NumGoroutine(), threads(), files, routines, tasks)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Without CAP_NET_ADMIN, Open says so, and not that the group is busy. The thread that gives the
// capability up ends here.
func TestOpenWithoutPermission(t *testing.T) {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil {
			result <- err
			return
		}
		r, err := nflog.Open(nflog.Options{Group: group})
		if err == nil {
			err = r.Close()
		}
		result <- err
	}()
	if err := <-result; !errors.Is(err, fs.ErrPermission) || errors.Is(err, nflog.ErrBusy) {
		t.Errorf("got %v, want fs.ErrPermission", err)
	}
}

// A denial is visible within a quarter of a second, the only one and the first of many.
func TestFirstIsVisibleSoon(t *testing.T) {
	l := newLo(t)
	r := open(t, l.Namespace, nflog.Options{})
	for _, n := range []int{1, 2, 63, 64} {
		start := time.Now()
		l.send(t, n)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		b, err := r.Read(ctx)
		cancel()
		took := time.Since(start)
		if err != nil || len(b.Messages) == 0 || took > 250*time.Millisecond {
			t.Errorf("%d packets: got %d messages after %s, %v, want some within 250 ms", n,
				len(b.Messages), took, err)
		}
		t.Logf("%d packets: %s", n, took)
		drain(t, r)
	}
}
