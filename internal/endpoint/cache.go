// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// cacheName is a file beside the attachments' that repeats what they said when they were last
// read, each under the signature that its file had. Whoever wants them all asks the file system
// for a thousand signatures instead of a thousand texts. It decides nothing: a file whose
// signature differs is read, and a cache that cannot be believed is none.
const cacheName = "cache"

// signature changes when the file does. A file that was renamed into place is another inode, and
// the time of change cannot be set from user space.
type signature struct {
	Inode  uint64
	Size   int64
	Change int64 // nanoseconds
}

// settled is how old a file must be to be cached: a second change within one tick of the clock
// would leave the signature as it is.
const settled = 2 * time.Second

func signatureOf(path string) (s signature, regular bool, err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return signature{}, false, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return signature{}, false, nil
	}
	return signature{Inode: stat.Ino, Size: stat.Size, Change: stat.Ctim.Nano()},
		info.Mode().IsRegular(), nil
}

type cached struct {
	signature
	Attachment
}

// cache is what is known by file name.
type cache map[string]cached

// readCache returns an empty cache for one that is absent or cannot be believed.
func (r *Registry) readCache() cache {
	text, err := os.ReadFile(filepath.Join(r.dir, cacheName))
	if err != nil {
		return nil
	}
	known, err := decodeCache(text)
	if err != nil {
		return nil
	}
	return known
}

// lookUp answers for the names whose files are as they were when the cache was made; the others
// are read. Files that can be cached by now, and are not, are counted.
func (r *Registry) lookUp(names []string, known cache) (all []found, stale int) {
	all = make([]found, len(names))
	missing := make([]bool, len(names))
	settledBefore := time.Now().Add(-settled).UnixNano()
	var wait sync.WaitGroup
	for reader := range readers {
		wait.Go(func() {
			for i := reader; i < len(names); i += readers {
				s, regular, err := signatureOf(filepath.Join(r.dir, names[i]))
				if c, ok := known[names[i]]; ok && err == nil && regular && c.signature == s {
					all[i] = found{Attachment: c.Attachment, signature: s}
					continue
				}
				all[i].Attachment, all[i].err = r.read(names[i])
				// Taken before the file was read: a change in between makes the entry useless.
				all[i].signature = s
				missing[i] = err == nil && regular && s.Change < settledBefore
			}
		})
	}
	wait.Wait()
	for _, m := range missing {
		if m {
			stale++
		}
	}
	return all, stale
}

// keepCache writes the cache when enough of it is out of date to be worth it. It is for the
// holder of the lock; an error costs the next process time, and nothing else.
func (r *Registry) keepCache(names []string, all []found, stale int) {
	if r.readOnly || stale <= len(names)/16+8 {
		return
	}
	settledBefore := time.Now().Add(-settled).UnixNano()
	next := cache{}
	for i, f := range all {
		if f.err == nil && f.signature.Change != 0 && f.signature.Change < settledBefore {
			next[names[i]] = cached{f.signature, f.Attachment}
		}
	}
	temp := filepath.Join(r.dir, temporary+cacheName)
	err := os.WriteFile(temp, next.encode(), 0o600)
	if err == nil {
		err = os.Rename(temp, filepath.Join(r.dir, cacheName))
	}
	if err != nil {
		_ = errors.Join(os.Remove(temp))
	}
}
