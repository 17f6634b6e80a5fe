// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/durable"
)

// Registry is the directory of attachments. Reading is safe at any time; Put and Delete are
// for the holder of the state directory's Lock.
type Registry struct {
	dir      string
	corrupt  string
	readOnly bool
}

// Corrupt is a file of the registry that cannot be believed.
type Corrupt struct {
	// File is where it was found.
	File string
	// SetAside is where it is now; empty if it could not be moved.
	SetAside string
	Err      error
}

// ErrCorrupt marks an attachment whose file could not be believed.
var ErrCorrupt = errors.New("corrupt attachment")

const (
	suffix = ".json"
	// temporary begins the names of unfinished files, which readers pass over.
	temporary = ".tmp-"
)

// Open opens the registry below a state directory, DIR/endpoints, and makes it if needed.
func Open(dir string) (*Registry, error) {
	r := &Registry{dir: filepath.Join(dir, "endpoints")}
	r.corrupt = filepath.Join(r.dir, "corrupt")
	if err := os.MkdirAll(r.corrupt, 0o700); err != nil {
		return nil, fmt.Errorf("endpoint registry: %w", err)
	}
	return r, nil
}

// OpenReadOnly opens the registry for somebody who only tells: nothing is made, moved or
// removed, and a registry that is not there is empty. Only All and ByContainer may be called.
func OpenReadOnly(dir string) *Registry {
	r := &Registry{dir: filepath.Join(dir, "endpoints"), readOnly: true}
	r.corrupt = filepath.Join(r.dir, "corrupt")
	return r
}

// fileName hides the id, which a runtime chose, from the file system.
func fileName(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:]) + suffix
}

// Put writes an attachment in place of any older one of the same id. When it returns nil, the
// attachment survives a crash of the machine; when it does not return, the older one does.
func (r *Registry) Put(a Attachment) error {
	if err := a.Validate(); err != nil {
		return fmt.Errorf("endpoint %q: %w", a.Endpoint.ID, err)
	}
	text, err := encode(a)
	if err == nil {
		err = r.replace(fileName(a.Endpoint.ID), text)
	}
	if err != nil {
		return fmt.Errorf("endpoint %s: %w", a.Endpoint.ID, err)
	}
	return nil
}

// replace goes through a temporary name that belongs to the target, so that crashes leave at
// most one behind for each; the next Put or Delete of the endpoint takes it away.
func (r *Registry) replace(name string, text []byte) error {
	return durable.Replace(r.dir, temporary+name, name, text)
}

// Delete removes the attachment of an id, whatever its file holds. An id that is not there is
// no error.
func (r *Registry) Delete(id string) error {
	name := fileName(id)
	for _, n := range []string{temporary + name, name} {
		if err := os.RemoveAll(filepath.Join(r.dir, n)); err != nil {
			return fmt.Errorf("endpoint %q: %w", id, err)
		}
	}
	return durable.SyncDir(r.dir)
}

// All returns every attachment, sorted by id, and the files that cannot be believed, which it
// sets aside. The error is about the directory as a whole; then nothing is known.
func (r *Registry) All() ([]Attachment, []Corrupt, error) {
	entries, err := os.ReadDir(r.dir)
	if r.readOnly && errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("endpoint registry: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.Name() != filepath.Base(r.corrupt) && e.Name() != cacheName &&
			!strings.HasPrefix(e.Name(), temporary) {
			names = append(names, e.Name())
		}
	}
	var all []Attachment
	var corrupt []Corrupt
	read, stale := r.lookUp(names, r.readCache())
	r.keepCache(names, read, stale)
	for i, found := range read {
		switch err := found.err; {
		case err == nil:
			all = append(all, found.Attachment)
		case errors.Is(err, fs.ErrNotExist): // deleted meanwhile
		case errors.Is(err, ErrCorrupt):
			corrupt = append(corrupt, r.setAside(names[i], err))
		default:
			return nil, nil, fmt.Errorf("endpoint registry: %w", err)
		}
	}
	slices.SortFunc(all, func(x, y Attachment) int {
		return strings.Compare(x.Endpoint.ID, y.Endpoint.ID)
	})
	return all, corrupt, nil
}

// ByContainer returns the attachment of one interface of a container. The error is
// fs.ErrNotExist if there is none, and ErrCorrupt if its file had to be set aside.
func (r *Registry) ByContainer(containerID, ifname string) (Attachment, error) {
	if err := validateID(containerID, ifname); err != nil {
		return Attachment{}, err
	}
	id := ID(containerID, ifname)
	name := fileName(id)
	a, err := r.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Attachment{}, fmt.Errorf("endpoint %s: %w", id, fs.ErrNotExist)
	}
	if errors.Is(err, ErrCorrupt) {
		err = r.setAside(name, err).Err
	}
	if err != nil {
		return Attachment{}, fmt.Errorf("endpoint %s: %w", id, err)
	}
	return a, nil
}
