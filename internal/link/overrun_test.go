// SPDX-License-Identifier: Apache-2.0

package link

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// Lost notifications are reported, the names are learned anew, and the watch goes on.
func TestWatchReportsOverrun(t *testing.T) {
	n := testnet.New(t)
	n.Run(t, "ip", "link", "add", "old0", "type", "bridge")
	c, err := Open(Options{NetNS: n.FD()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	w, err := c.newWatcher()
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	setBuffer(t, w, 1)
	var batch strings.Builder
	for i := range 50 {
		fmt.Fprintf(&batch, "link add b%d type bridge\n", i)
	}
	batch.WriteString("link set old0 name new0\n")
	if out, err := n.Command(batch.String(), "ip", "-batch", "-"); err != nil {
		t.Fatalf("links: %v\n%s", err, out)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := make(chan Event)
	go w.run(ctx)
	go merge(ctx, w.found, out)
	for {
		e := <-out
		if e.Err != nil {
			t.Fatalf("got %+v, want an overrun", e)
		}
		if e.Overrun {
			break
		}
	}
	setBuffer(t, w, 1<<20)
	namesComeAgain(t, n, out)
}

func setBuffer(t *testing.T, w *watcher, size int) {
	t.Helper()
	raw, err := w.conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// namesComeAgain waits for an event of new0. What still belongs to an overrun has no names.
func namesComeAgain(t *testing.T, n *testnet.Net, out <-chan Event) {
	t.Helper()
	for i := range 100 {
		n.Run(t, "ip", "address", "add", fmt.Sprintf("10.9.9.%d/32", i), "dev", "new0")
		select {
		case e := <-out:
			if len(e.Links) > 0 && e.Links[len(e.Links)-1] == "new0" {
				return
			}
			if e.Err != nil {
				t.Fatalf("got %+v, want new0", e)
			}
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Error("after the overrun: got no event of new0")
}

// A socket that breaks is the last event.
func TestWatchReportsItsEnd(t *testing.T) {
	n := testnet.New(t)
	c, err := Open(Options{NetNS: n.FD()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	w, err := c.newWatcher()
	if err != nil {
		t.Fatal(err)
	}
	w.close()
	out := make(chan Event)
	go func() {
		w.run(t.Context())
		close(w.found)
	}()
	go merge(t.Context(), w.found, out)
	if e := <-out; e.Err == nil {
		t.Errorf("got %+v, want an error", e)
	}
	if e, ok := <-out; ok {
		t.Errorf("got %+v, want the end", e)
	}
}
