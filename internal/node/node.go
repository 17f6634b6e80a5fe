// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/link"
	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/policy"
)

// Node is the inputs of one node as they were read under its lock, and the way to make the
// kernel follow them.
type Node struct {
	options  Options
	lock     *endpoint.Lock // nil: read-only
	registry *endpoint.Registry
	kernel   *nft.Kernel
	links    *link.Conn

	config compile.Config
	set    *policy.Set
	// lastGood are the documents that were accepted last and recorded, lastRejected those in whose
	// place something was closed, parsed what YAML was parsed to.
	lastGood     []policy.Document
	lastRejected []policy.Document
	parsed       *policy.Cache
	newDocuments bool
	// frozen says that the last good documents are in force whatever the policy directory holds:
	// whoever acts in the place of an agent that is down does not watch it, and cannot tell a file
	// from one that is being written.
	frozen bool
	// versions are the documents that the kernel has, by their references.
	versions map[string]version
	// counts are those of PolicyCounts; nil when something has changed since.
	counts      map[PolicyStanding]int
	attachments []endpoint.Attachment
	// notes are what was found wrong in the state directory, and set aside.
	notes []string
	// compiled is what the inputs above compile to; nil when one of them has changed since.
	compiled *compiled
	// inForce is what InForce returned last, when it was compiled to inForceOf.
	inForce   *InForce
	inForceOf *compiled
	// model is what this process has installed, nil when it has not. Nobody else installs anything
	// while the lock is held.
	model *model
	// forgotten are retained counters that the transaction under way removes.
	forgotten map[nft.CounterKey]bool
	// policyErr says why the policy directory could not be read.
	policyErr error
}

// Open takes the node's lock and reads its inputs. It waits for the lock until the lock
// timeout or the end of ctx. Close frees it; so does the death of the process. A node that an
// agent owns is for the agent alone: the error is ErrOwned, before any wait.
func Open(ctx context.Context, o Options) (*Node, error) {
	o = o.withDefaults()
	if err := os.MkdirAll(o.StateDir, 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	if err := trustworthy(o.StateDir); err != nil {
		return nil, err
	}
	if err := o.refuseOwned(); err != nil {
		return nil, err
	}
	wait, cancel := context.WithTimeout(ctx, o.LockTimeout)
	defer cancel()
	lock, err := endpoint.AcquireLock(wait, filepath.Join(o.StateDir, "lock"))
	if err != nil {
		return nil, err
	}
	// Again: an agent may have come, and died, while we waited.
	if err := o.refuseOwned(); err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	return open(o, lock)
}

// OpenReadOnly reads the inputs without the lock, for commands that only tell. What it sees
// may be half of a change that another process is making.
func OpenReadOnly(o Options) (*Node, error) { return open(o.withDefaults(), nil) }

func open(o Options, lock *endpoint.Lock) (*Node, error) {
	n := &Node{options: o, lock: lock, config: compile.DefaultConfig()}
	if err := n.load(); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *Node) load() error {
	var err error
	if n.kernel, err = nft.Open(nft.Options{NetNS: n.options.NetNS}); err != nil {
		return err
	}
	if n.links, err = link.Open(link.Options{NetNS: n.options.NetNS}); err != nil {
		return err
	}
	if err = n.loadConfig(); err != nil {
		return err
	}
	if err = n.loadAttachments(); err != nil {
		return err
	}
	return n.loadPolicies()
}

// loadAttachments reads the registry. Files that cannot be believed are set aside there and
// noted here; their endpoints are closed, since nothing opens them.
func (n *Node) loadAttachments() error {
	n.registry = endpoint.OpenReadOnly(n.options.StateDir)
	if n.lock != nil {
		var err error
		if n.registry, err = endpoint.Open(n.options.StateDir); err != nil {
			return err
		}
		if err = n.registry.Sweep(); err != nil {
			return err
		}
	}
	all, corrupt, err := n.registry.All()
	if err != nil {
		return err
	}
	for _, c := range corrupt {
		note := fmt.Sprintf("%s: %v", c.File, c.Err)
		if c.SetAside != "" {
			note += " (set aside as " + c.SetAside + ")"
		}
		n.note(note)
	}
	// The oldest attachment keeps an address that two of them claim.
	slices.SortStableFunc(all, func(a, b endpoint.Attachment) int {
		return a.Created.Compare(b.Created)
	})
	n.attachments, n.compiled = all, nil
	return nil
}

// Close frees the lock and the sockets.
func (n *Node) Close() error {
	var errs []error
	if n.kernel != nil {
		errs = append(errs, n.kernel.Close())
	}
	if n.links != nil {
		errs = append(errs, n.links.Close())
	}
	if n.lock != nil {
		errs = append(errs, n.lock.Unlock())
	}
	return errors.Join(errs...)
}

func (n *Node) path(name string) string { return filepath.Join(n.options.StateDir, name) }

// Attachments are the registered attachments, the oldest first.
func (n *Node) Attachments() []endpoint.Attachment { return slices.Clone(n.attachments) }

// Policies is the loaded policy set.
func (n *Node) Policies() *policy.Set { return n.set }

// Config is the node's compile configuration.
func (n *Node) Config() compile.Config { return n.config }

// maxNotes bounds what a process that stays remembers; what goes on being wrong is told once.
const maxNotes = 64

// note remembers what was found wrong.
func (n *Node) note(text string) {
	if len(n.notes) < maxNotes && !slices.Contains(n.notes, text) {
		n.notes = append(n.notes, text)
	}
}

// Notes are what was found wrong in the state directory.
func (n *Node) Notes() []string { return slices.Clone(n.notes) }

// PolicyError says why the policy directory could not be read, nil when it was.
func (n *Node) PolicyError() error { return n.policyErr }
