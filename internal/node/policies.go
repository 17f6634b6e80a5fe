// SPDX-License-Identifier: Apache-2.0

package node

import (
	"errors"
	"os"

	"github.com/bulkhead-net/bulkhead/internal/source/files"
	"github.com/bulkhead-net/bulkhead/policy"
)

// loadPolicies fills the policy set from the directory. When that cannot be read, the last
// accepted documents stay in force and the error waits for whoever must not go on without.
func (n *Node) loadPolicies() error {
	if n.lastGood == nil {
		if err := n.readDocuments(); err != nil {
			n.note(err.Error())
		}
	}
	n.loadVersions()
	last := n.lastGood
	n.policyErr, n.compiled, n.counts = nil, nil, nil
	n.frozen = n.options.Agent && n.options.ReadPolicies == nil &&
		len(last)+len(n.lastRejected) > 0
	var found []policy.File
	var err error
	if !n.frozen {
		found, err = n.readPolicies()
	}
	if err != nil || n.frozen {
		n.policyErr = err
		found = n.lastFiles()
	}
	n.set = n.parse(found, last)
	n.set.AllowEncapsulation = n.config.AllowEncapsulation
	n.newDocuments = !sameDocuments(last, n.set.Documents) ||
		!sameDocuments(n.lastRejected, n.set.Rejected) || n.lacksVersions()
	return nil
}

func (n *Node) readPolicies() ([]policy.File, error) {
	if n.options.ReadPolicies != nil {
		return n.options.ReadPolicies()
	}
	return files.Read(n.options.PolicyDir)
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

// keepPolicies makes the accepted documents the last good ones, in force since a generation.
func (n *Node) keepPolicies(generation uint32) error {
	dated := generation == 0 || !n.hasUndated()
	if n.policyErr != nil || n.frozen || !n.newDocuments && dated {
		return nil
	}
	if err := n.writeDocuments(); err != nil {
		return err
	}
	n.newDocuments = false
	return n.keepVersions(generation)
}
