// SPDX-License-Identifier: Apache-2.0

package policyversions

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/durable"
	"github.com/bulkhead-net/bulkhead/policy"
)

// DirName is what the directory of versions is called beside the records that name them.
const DirName = "policies"

const (
	suffix = ".json"
	// temporary begins the names of unfinished files; Prune removes those that a crash left.
	temporary = ".tmp-"
	// maxFile bounds what is read of one file; policies have well below that.
	maxFile = 256 << 20
)

// Save keeps the documents of a set below dir, which it makes if needed, and returns their hash.
// What is kept already is not written again, but counts as the latest for Prune. When Save
// returns nil, the version survives a crash of the machine. It is for one process at a time.
func Save(dir string, set *policy.Set) (hash string, err error) {
	data, err := encode(set)
	if err != nil {
		return "", err
	}
	hash = hashOf(data)
	path := filepath.Join(dir, hash+suffix)
	if kept, err := read(path); err == nil && hashOf(kept) == hash {
		now := time.Now()
		return hash, os.Chtimes(path, now, now)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("policy version: %w", err)
	}
	if err := durable.Replace(dir, temporary+hash+suffix, hash+suffix, data); err != nil {
		return "", fmt.Errorf("policy version %s: %w", hash, err)
	}
	return hash, nil
}

// Load returns the set that was saved under a hash. The error is fs.ErrNotExist for one that is
// not kept, and ErrCorrupt for a file that cannot be believed.
func Load(dir, hash string) (*policy.Set, error) {
	if !hashForm.MatchString(hash) {
		return nil, fmt.Errorf("policy version %q: found no hash, accepted 64 hexadecimal digits",
			hash)
	}
	data, err := read(filepath.Join(dir, hash+suffix))
	if err != nil {
		return nil, fmt.Errorf("policy version %s: %w", hash, err)
	}
	set, err := decode(data, hash)
	if err != nil {
		return nil, fmt.Errorf("policy version %s: %w", hash, err)
	}
	return set, nil
}

// read returns the text of a regular file. O_NONBLOCK keeps a FIFO from blocking the reader,
// O_NOFOLLOW a link from leading it.
func read(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.ENXIO) {
		return nil, fmt.Errorf("%w: not a regular file", ErrCorrupt)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("%w: not a regular file of at most %d bytes", ErrCorrupt, maxFile)
	}
	return io.ReadAll(io.LimitReader(f, maxFile))
}
