// SPDX-License-Identifier: Apache-2.0

package install

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bulkhead-net/bulkhead/internal/durable"
)

// temporary begins the name of a copy that is not finished. The dot keeps runtimes that list
// the directory from taking it for a plugin.
const temporary = ".bulkhead-install-"

// File copies a program to a path, through a temporary file in the same directory, and reads
// back what it wrote before anybody can execute it. It reports false if the path already held
// that very program, executable.
func File(source, target string) (changed bool, err error) {
	data, err := os.ReadFile(source)
	if err != nil {
		return false, err
	}
	if same(target, data) {
		return false, nil
	}
	dir := filepath.Dir(target)
	if err := sweep(dir); err != nil {
		return false, err
	}
	f, err := os.CreateTemp(dir, temporary)
	if err != nil {
		return false, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreMissing(os.Remove(f.Name())))
		}
	}()
	err = write(f, data)
	if err == nil {
		err = verify(f.Name(), data)
	}
	if err == nil {
		err = os.Rename(f.Name(), target)
	}
	if err == nil {
		err = durable.SyncDir(dir)
	}
	return err == nil, err
}

// same reports whether the target is a regular, executable file with that content. A link to
// one would leave the choice of the program to whoever owns the place it leads to.
func same(target string, data []byte) bool {
	info, err := os.Lstat(target)
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm() != 0o755 {
		return false
	}
	return verify(target, data) == nil
}

// sweep removes what former installations left when they were killed.
func sweep(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, temporary+"*"))
	for _, path := range left {
		err = errors.Join(err, ignoreMissing(os.Remove(path)))
	}
	return err
}

func write(f *os.File, data []byte) error {
	_, err := f.Write(data)
	return errors.Join(err, f.Chmod(0o755), f.Sync(), f.Close())
}

// verify compares the content of a file by hash.
func verify(path string, data []byte) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	want := sha256.Sum256(data)
	if got := h.Sum(nil); !bytes.Equal(got, want[:]) {
		return fmt.Errorf("%s: has sha256 %x, want %x", path, got, want)
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
