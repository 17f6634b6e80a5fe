// SPDX-License-Identifier: Apache-2.0

package node

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
)

// ErrOwned marks a node that is changed by its agent alone.
var ErrOwned = endpoint.ErrOwned

// ownerFile says whose the node is. It outlives the agent: rules that only an agent keeps true
// must not be taken over by a process that goes away again, whatever the agent died of.
const ownerFile = "owner"

// Ownership is an agent that a node belongs to.
type Ownership struct {
	// Socket is where the agent answers.
	Socket  string    `json:"socket"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	// PolicyDir is where the agent reads the node's policies; empty if it did not say.
	PolicyDir string `json:"policyDir,omitempty"`
	// ReadsCounters says that the agent reads counters, and again when it is back: whoever acts in
	// its place keeps those of groups that go.
	ReadsCounters bool `json:"readsCounters,omitempty"`
}

// String is the owner in the words of a message.
func (o Ownership) String() string {
	return fmt.Sprintf("the agent at %s (process %d, started %s)", o.Socket, o.PID,
		o.Started.UTC().Format(time.RFC3339))
}

// Owner says whom the node of a state directory belongs to; false if to nobody. A file that cannot
// be believed is an error: a node that may be owned is.
func Owner(stateDir string) (Ownership, bool, error) {
	path := filepath.Join(stateDir, ownerFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Ownership{}, false, nil
	}
	var o Ownership
	if err == nil {
		err = json.Unmarshal(data, &o)
	}
	if err == nil && !filepath.IsAbs(o.Socket) {
		err = fmt.Errorf("socket: found %q, accepted an absolute path", o.Socket)
	}
	if err != nil {
		return Ownership{}, false, fmt.Errorf("owner of the node %s: %w", path, err)
	}
	return o, true, nil
}

// InPlaceOf are the options of whoever acts for an owner that is down. The owner's policies are the
// node's: those of another directory could open what they do not name.
func (o Options) InPlaceOf(owner Ownership) Options {
	o.Agent, o.PolicyDir = true, cmp.Or(owner.PolicyDir, o.PolicyDir)
	o.RetainCounters = o.RetainCounters || owner.ReadsCounters
	return o
}

// refuseOwned is ErrOwned, naming the owner, for whoever is not to change an agent's node.
func (o Options) refuseOwned() error {
	if o.Agent {
		return nil
	}
	owner, owned, err := Owner(o.StateDir)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrOwned, err)
	}
	if owned {
		return fmt.Errorf("%w: %s belongs to %s", ErrOwned, o.StateDir, owner)
	}
	return nil
}

// errNoLock is for callers that must hold the lock and do not.
var errNoLock = errors.New("node is open for reading only")

// Own makes the node an agent's, in place of any other: from then on Open refuses everybody who
// does not say Options.Agent. It stays so until Disown or Uninstall.
func (n *Node) Own(o Ownership) error {
	if n.lock == nil {
		return errNoLock
	}
	if !filepath.IsAbs(o.Socket) {
		return fmt.Errorf("owner: socket %q: accepted an absolute path", o.Socket)
	}
	if err := writeJSON(n.path(ownerFile), o); err != nil {
		return fmt.Errorf("owner: %w", err)
	}
	return nil
}

// Disown gives the node back to processes that come and go. That it was nobody's is no error.
func (n *Node) Disown() error {
	if n.lock == nil {
		return errNoLock
	}
	if err := os.Remove(n.path(ownerFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("owner: %w", err)
	}
	return nil
}
