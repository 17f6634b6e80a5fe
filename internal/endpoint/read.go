// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/bulkhead-net/bulkhead/internal/durable"
)

// maxFile bounds what is read of one file; an attachment has well below 10 KiB.
const maxFile = 1 << 20

// read returns the attachment in a file, fs.ErrNotExist, ErrCorrupt, or what the file system
// said. A lack of descriptors or memory is not corruption: nothing is set aside then.
func (r *Registry) read(name string) (Attachment, error) {
	path := filepath.Join(r.dir, name)
	// O_NONBLOCK keeps a FIFO from blocking the reader, O_NOFOLLOW a link from leading it.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.ENXIO) {
		return Attachment{}, fmt.Errorf("%w: not a regular file", ErrCorrupt)
	}
	if err != nil {
		return Attachment{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Attachment{}, err
	}
	if !info.Mode().IsRegular() {
		return Attachment{}, fmt.Errorf("%w: not a regular file", ErrCorrupt)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if errors.Is(err, syscall.EIO) {
		return Attachment{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if err != nil {
		return Attachment{}, err
	}
	if len(text) > maxFile {
		return Attachment{}, fmt.Errorf("%w: larger than %d bytes", ErrCorrupt, maxFile)
	}
	a, err := decode(text)
	if err != nil {
		return Attachment{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if want := fileName(a.Endpoint.ID); name != want {
		// Otherwise a copied file would bring a deleted endpoint back for good.
		return Attachment{}, fmt.Errorf("%w: endpoint %s belongs into %s",
			ErrCorrupt, a.Endpoint.ID, want)
	}
	return a, nil
}

// found is what reading one file came to.
type found struct {
	Attachment
	signature signature
	err       error
}

// readers is how many files are read at a time: a container waits for its network meanwhile.
const readers = 4

// setAside moves a file into the directory of corrupt ones, under a name that is free there.
func (r *Registry) setAside(name string, cause error) Corrupt {
	c := Corrupt{File: filepath.Join(r.dir, name), Err: cause}
	if r.readOnly {
		return c
	}
	target, err := r.freeName(strings.TrimLeft(name, "."))
	if err == nil {
		err = os.Rename(c.File, target)
	}
	if err == nil {
		c.SetAside = target
		err = durable.SyncDir(r.dir)
	}
	if err != nil {
		c.Err = errors.Join(cause, fmt.Errorf("set aside: %w", err))
	}
	return c
}

// keptCopies bounds how many files of one name are kept; after that the last is replaced.
const keptCopies = 16

func (r *Registry) freeName(name string) (string, error) {
	for i := range keptCopies {
		path := filepath.Join(r.corrupt, fmt.Sprintf("%s.%d", name, i))
		_, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return path, nil
		}
		if err != nil {
			return "", err
		}
	}
	last := filepath.Join(r.corrupt, fmt.Sprintf("%s.%d", name, keptCopies-1))
	return last, os.RemoveAll(last)
}
