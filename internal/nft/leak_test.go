// SPDX-License-Identifier: Apache-2.0

package nft_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

// Opening, watching and closing leaves no descriptor and no goroutine behind.
func TestNothingLeaks(t *testing.T) {
	ns := testnet.NewNamespace(t, "leak")
	use := func() {
		k, err := nft.Open(nft.Options{NetNS: ns.FD()})
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		ctx, cancel := context.WithCancel(t.Context())
		events, err := k.Watch(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.Present(); err != nil {
			t.Fatal(err)
		}
		cancel()
		for range events {
		}
	}
	use() // what the runtime opens once
	files, routines := descriptors(t), runtime.NumGoroutine()
	for range 20 {
		use()
	}
	if _, err := nft.Open(nft.Options{NetNS: 1 << 20}); err == nil {
		t.Error("open of a namespace that is none: got no error")
	}
	// The watch's goroutine closes its socket after it ended the channel's source.
	deadline := time.Now().Add(5 * time.Second)
	for descriptors(t) > files || runtime.NumGoroutine() > routines {
		if time.Now().After(deadline) {
			t.Fatalf("got %d descriptors and %d goroutines, want %d and %d",
				descriptors(t), runtime.NumGoroutine(), files, routines)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Without CAP_NET_ADMIN, Open says so. The thread that gives the capability up ends here.
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
		k, err := nft.Open(nft.Options{})
		if err == nil {
			err = k.Close()
		}
		result <- err
	}()
	if err := <-result; !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v, want fs.ErrPermission", err)
	}
}
