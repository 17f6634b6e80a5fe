// SPDX-License-Identifier: Apache-2.0

package policyversions

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Bounds are how many versions are kept at most, and how many bytes of them; 0 is no bound.
type Bounds struct {
	Count int
	Bytes int64
}

// kept is a file that Prune may remove.
type kept struct {
	name, hash string
	bytes      int64
	saved      time.Time
}

// Prune removes versions and returns how many. Those go that wanted refuses, and of the others
// the oldest until the bounds hold. The version that was saved last stays in any case: it is in
// force, and the next record will name it. A nil wanted refuses none. A directory that is not
// there has nothing to remove.
func Prune(dir string, wanted func(hash string) bool, b Bounds) (removed int, err error) {
	versions, err := list(dir)
	if err != nil {
		return 0, fmt.Errorf("policy versions: %w", err)
	}
	slices.SortFunc(versions, func(x, y kept) int {
		return cmp.Or(y.saved.Compare(x.saved), cmp.Compare(x.hash, y.hash))
	})
	var count int
	var bytes int64
	for i, v := range versions {
		fits := (b.Count == 0 || count < b.Count) && (b.Bytes == 0 || bytes+v.bytes <= b.Bytes)
		if i == 0 || fits && (wanted == nil || wanted(v.hash)) {
			count, bytes = count+1, bytes+v.bytes
			continue
		}
		if rerr := os.RemoveAll(filepath.Join(dir, v.name)); rerr != nil {
			err = errors.Join(err, rerr)
			continue
		}
		removed++
	}
	if err != nil {
		return removed, fmt.Errorf("policy versions: %w", err)
	}
	return removed, nil
}

// list returns the versions, and removes unfinished files. Whatever else lies there is not ours.
func list(dir string) ([]kept, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []kept
	for _, e := range entries {
		name, unfinished := strings.CutPrefix(e.Name(), temporary)
		hash, ok := strings.CutSuffix(name, suffix)
		if !ok || !hashForm.MatchString(hash) {
			continue
		}
		if unfinished {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return nil, err
			}
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, kept{e.Name(), hash, info.Size(), info.ModTime()})
	}
	return out, nil
}
