// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/policyversions"
	"github.com/bulkhead-net/bulkhead/policy"
)

// keeper keeps the documents that records name by their hash.
type keeper struct {
	part
	dir  string
	wake chan struct{}

	waitingMu sync.Mutex
	waiting   []*policy.Set // oldest first
}

// versionBounds are those of the documents that are kept.
var versionBounds = policyversions.Bounds{Count: 512, Bytes: 128 << 20}

// maxVersions is how many wait for a disk that takes none.
const maxVersions = 64

func newKeeper(dir string, log *slog.Logger) keeper {
	return keeper{part: part{name: "policies", log: log}, dir: dir, wake: make(chan struct{}, 1)}
}

// keep has the documents of a set kept, soon.
func (k *keeper) keep(set *policy.Set) {
	k.waitingMu.Lock()
	k.waiting = append(k.waiting, set)
	if n := len(k.waiting); n > maxVersions {
		k.waiting = k.waiting[n-maxVersions:]
	}
	k.waitingMu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// run keeps until ctx ends, and then tries a last time. What fails is tried again.
func (k *keeper) run(ctx context.Context) {
	var again <-chan time.Time
	for ctx.Err() == nil {
		select {
		case <-k.wake:
		case <-again:
		case <-ctx.Done():
		}
		again = nil
		if !k.save() {
			again = time.After(lastRetry)
		}
	}
}

// save reports whether nothing is left to be kept.
func (k *keeper) save() bool {
	for {
		set := k.first()
		if set == nil {
			return true
		}
		_, err := policyversions.Save(k.dir, set)
		k.set(err)
		if err != nil {
			return false
		}
		k.done(set)
		// What is kept too long does no harm.
		_, _ = policyversions.Prune(k.dir, nil, versionBounds)
	}
}

func (k *keeper) first() *policy.Set {
	k.waitingMu.Lock()
	defer k.waitingMu.Unlock()
	if len(k.waiting) == 0 {
		return nil
	}
	return k.waiting[0]
}

func (k *keeper) done(set *policy.Set) {
	k.waitingMu.Lock()
	defer k.waitingMu.Unlock()
	if len(k.waiting) > 0 && k.waiting[0] == set {
		k.waiting = k.waiting[1:]
	}
}
