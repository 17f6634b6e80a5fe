// SPDX-License-Identifier: Apache-2.0

package nft_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/nft"
	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// Who tries operations learns what the kernel says to them, and whoever reads meanwhile sees
// nothing, also when they are refused.
func TestTryChangesNothing(t *testing.T) {
	h := newHost(t)
	install := []rs.Op{table, seen, addSet, addPeer, addBase, addRule}
	refused := append(append([]rs.Op{}, install...), addSet)
	saw, stop := h.watchTables(t)
	for range 300 {
		for _, ops := range [][]rs.Op{install, nil} {
			if err := h.Try(t.Context(), ops); err != nil {
				t.Fatalf("%d operations: got %v, want nil", len(ops), err)
			}
		}
		if err := h.Try(t.Context(), refused); !errors.Is(err, fs.ErrExist) {
			t.Fatalf("set that is there already: got %v, want %v", err, fs.ErrExist)
		}
	}
	stop()
	if err := <-saw; err != nil {
		t.Error(err)
	}
	// The same watch sees what is committed.
	saw, stop = h.watchTables(t)
	defer stop()
	if err := h.Apply(t.Context(), install); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-saw:
		if err == nil {
			t.Error("committed table: got not seen, want seen")
		}
	case <-time.After(10 * time.Second):
		t.Error("committed table: got not seen, want seen")
	}
}

// watchTables reads the tables again and again, and says which it saw first, or nil at the end.
func (h *host) watchTables(t *testing.T) (saw <-chan error, stop func()) {
	t.Helper()
	reader, err := nft.Open(nft.Options{NetNS: h.ns.FD()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	said := make(chan error, 1)
	go func() {
		defer reader.Close()
		for ctx.Err() == nil {
			if got, err := reader.Tables(); err != nil || len(got) > 0 {
				said <- fmt.Errorf("tables: got %v, %v, want none", got, err)
				return
			}
		}
		said <- nil
	}()
	return said, cancel
}
