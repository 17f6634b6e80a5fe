// SPDX-License-Identifier: Apache-2.0

package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/bulkhead-net/bulkhead/policy"
)

// Read reads the policy files of a directory in the order of their names, as they are at this
// moment. A directory that is not there is an error: taking it for "no policies" would open the
// node.
func Read(dir string) ([]policy.File, error) {
	names, err := list(dir)
	if err != nil {
		return nil, err
	}
	var files []policy.File
	for _, name := range names {
		path := filepath.Join(dir, name)
		t, err := openText(path)
		if err != nil {
			return nil, fmt.Errorf("policy file: %w", err)
		}
		if t == nil {
			continue
		}
		file, err := t.read(path)
		t.close()
		if err != nil {
			return nil, fmt.Errorf("policy file: %w", err)
		}
		files = append(files, file)
	}
	return files, nil
}

// list is the names in a directory that policy files have, sorted.
func list(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("policy directory: %w", err)
	}
	var names []string
	for _, e := range entries {
		if isPolicy(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func isPolicy(name string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name))
}

// maxFile bounds what is read of one file, in bytes: a hundred times the largest that anybody
// writes, and less than a node can spare.
const maxFile = 64 << 20

// text is a policy file before it is read.
type text struct {
	file *os.File // nil for what cannot be opened
	info fs.FileInfo
	// unreadable is policy.File.Unreadable. A file that cannot hold a policy does not stop the
	// others: it is a problem of its own.
	unreadable string
}

const special = "found a special file, accepted a regular one"

// openText opens a file, and returns nil for a directory. Opening does not block, whatever it is.
func openText(path string) (*text, error) {
	// Links are followed: ConfigMap volumes are made of them.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ENXIO) { // a socket
		return &text{unreadable: special}, nil
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		f.Close()
		return nil, err
	}
	t := &text{file: f, info: info}
	switch {
	case !info.Mode().IsRegular():
		t.unreadable = special
	case info.Size() > maxFile:
		t.unreadable = tooLarge(info.Size())
	}
	return t, nil
}

func tooLarge(size int64) string {
	return fmt.Sprintf("found %d bytes, accepted at most %d", size, maxFile)
}

func (t *text) read(path string) (policy.File, error) {
	file := policy.File{Name: path, Unreadable: t.unreadable}
	if t.unreadable != "" {
		return file, nil
	}
	data, err := io.ReadAll(io.LimitReader(t.file, maxFile+1))
	if len(data) > maxFile { // it has grown since it was opened: never a part of it
		file.Unreadable = tooLarge(int64(len(data)))
		return file, err
	}
	file.Data = data
	return file, err
}

// close ends a lease as well.
func (t *text) close() {
	if t.file != nil {
		t.file.Close()
	}
}
