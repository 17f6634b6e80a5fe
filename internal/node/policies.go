// SPDX-License-Identifier: Apache-2.0

package node

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/bulkhead-net/bulkhead/policy"
)

// ReadPolicyFiles reads the policy files of a directory in the order of their names. A
// directory that is not there is an error: taking it for "no policies" would open the node.
func ReadPolicyFiles(dir string) ([]policy.File, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("policy directory: %w", err)
	}
	var files []policy.File
	for _, e := range entries {
		if !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(e.Name())) {
			continue
		}
		file, skip, err := readPolicyFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("policy file: %w", err)
		}
		if !skip {
			files = append(files, file)
		}
	}
	return files, nil
}

// maxPolicyFile bounds what is read of one file, in bytes: a hundred times the largest that
// anybody writes, and less than a node can spare.
const maxPolicyFile = 64 << 20

// readPolicyFile reads one file, and passes over directories. One that cannot hold a policy does
// not stop the others: it is a problem of its own. Opening does not block, whatever it is.
func readPolicyFile(path string) (file policy.File, skip bool, err error) {
	file.Name = path
	// Links are followed: ConfigMap volumes are made of them.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ENXIO) { // a socket
		file.Unreadable = "found a special file, accepted a regular one"
		return file, false, nil
	}
	if err != nil {
		return file, false, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return file, false, err
	case info.IsDir():
		return file, true, nil
	case !info.Mode().IsRegular():
		file.Unreadable = "found a special file, accepted a regular one"
	case info.Size() > maxPolicyFile:
		file.Unreadable = fmt.Sprintf("found %d bytes, accepted at most %d", info.Size(),
			maxPolicyFile)
	default:
		file.Data, err = io.ReadAll(io.LimitReader(f, maxPolicyFile))
	}
	return file, false, err
}

// loadPolicies fills the policy set from the directory. When that cannot be read, the last
// accepted documents stay in force and the error waits for whoever must not go on without.
func (n *Node) loadPolicies() error {
	if n.lastGood == nil {
		if err := n.readJSON("documents.json", &n.lastGood); err != nil {
			n.notes = append(n.notes, err.Error())
		}
	}
	last := n.lastGood
	n.policyErr, n.compiled = nil, nil
	files, err := ReadPolicyFiles(n.options.PolicyDir)
	if err != nil {
		n.policyErr = err
		files = nil
		for _, d := range last {
			files = append(files, policy.File{Name: d.File, Data: d.Raw})
		}
	}
	n.set = n.parse(files, last)
	n.set.AllowEncapsulation = n.config.AllowEncapsulation
	n.newDocuments = !slices.EqualFunc(last, n.set.Documents, sameDocument)
	return nil
}

// Reload reads the policy directory again, for a process that stays. What cannot be read leaves
// the last accepted documents in force, and is the error; Apply makes the kernel follow.
func (n *Node) Reload() error {
	if err := n.loadPolicies(); err != nil {
		return err
	}
	return n.policyErr
}

// parsedFile keeps what the YAML of the last files was parsed to. It decides nothing: trees are
// found by a hash of the text, and a cache that cannot be believed is none.
const parsedFile = "parsed"

// parse loads the files, without parsing again what the process before has parsed.
func (n *Node) parse(files []policy.File, last []policy.Document) *policy.Set {
	if n.parsed == nil {
		n.parsed = n.readParsed()
	}
	set := n.parsed.Load(files, last)
	if n.lock != nil && n.parsed.Changed() {
		// Not kept, it costs the next process time and nothing else.
		_ = writeCache(n.path(parsedFile), n.parsed.Encode())
	}
	return set
}

func (n *Node) readParsed() *policy.Cache {
	if data, err := os.ReadFile(n.path(parsedFile)); err == nil {
		if known, err := policy.DecodeCache(data); err == nil {
			return known
		}
	}
	return new(policy.Cache)
}

// writeCache replaces a file without waiting for the disk: after a crash of the machine there is
// nothing that it could be about.
func writeCache(path string, data []byte) error {
	temp := path + ".new"
	if err := os.WriteFile(temp, data, 0o600); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return os.Rename(temp, path)
}

func sameDocument(a, b policy.Document) bool {
	return a.Ref == b.Ref && a.File == b.File && a.Line == b.Line && string(a.Raw) == string(b.Raw)
}

// keepPolicies makes the accepted documents the last good ones.
func (n *Node) keepPolicies() error {
	if n.policyErr != nil || !n.newDocuments {
		return nil
	}
	if err := writeJSON(n.path("documents.json"), n.set.Documents); err != nil {
		return fmt.Errorf("last good policies: %w", err)
	}
	n.lastGood, n.newDocuments = n.set.Documents, false
	return nil
}
