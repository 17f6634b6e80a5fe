// SPDX-License-Identifier: Apache-2.0

package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

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
		path := filepath.Join(dir, e.Name())
		info, err := os.Stat(path) // follows the links that ConfigMap volumes are made of
		if err != nil {
			return nil, fmt.Errorf("policy file: %w", err)
		}
		if info.IsDir() {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("policy file: %w", err)
		}
		files = append(files, policy.File{Name: path, Data: data})
	}
	return files, nil
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
