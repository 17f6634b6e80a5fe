// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// model is a ruleset as it is, or is about to be, in the kernel.
type model struct {
	Stamp compile.Stamp `json:"stamp"`
	// Wrapped says that epochs have begun again from one: from then on every value has been
	// used before, and its old conntrack entries are cleared before it is live again.
	Wrapped bool `json:"wrapped,omitempty"`
	retained
	// ruleset holds the retained counters too.
	ruleset *ruleset.Ruleset
}

// The two model files. A transaction writes the next one first; the kernel's generation says
// afterwards which of them is true.
const (
	installedFile = "installed"
	nextFile      = "next"
)

func (m *model) encode() ([]byte, error) {
	head, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	return append(append(head, '\n'), ruleset.Encode(m.ruleset)...), nil
}

// readModel reads a model file. It returns nil for an absent one, and for a corrupt one, which
// is set aside and noted: a rebuild is always right, a wrong model never is.
func (n *Node) readModel(name string) (*model, error) {
	path := n.path(name)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := decodeModel(data)
	if err != nil {
		if n.lock != nil {
			err = fmt.Errorf("%w (set aside as %s)", err, setAside(path))
		}
		n.note(fmt.Sprintf("%s: %v", path, err))
		return nil, nil
	}
	return m, nil
}

func decodeModel(data []byte) (*model, error) {
	head, body, found := bytes.Cut(data, []byte{'\n'})
	if !found {
		return nil, errors.New("model: no header")
	}
	m := &model{}
	if err := json.Unmarshal(head, m); err != nil {
		return nil, fmt.Errorf("model header: %w", err)
	}
	r, err := ruleset.Decode(body)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	m.ruleset = r
	return m, nil
}

// kernelState is what the kernel itself says about our tables.
type kernelState struct {
	tables     []ruleset.Family
	generation uint32
	live       uint32 // the conntrack mark that is live, 0 for none
}

func (n *Node) readKernel() (kernelState, error) {
	var s kernelState
	var err error
	if s.tables, err = n.kernel.Tables(); err != nil || len(s.tables) == 0 {
		return s, err
	}
	if s.generation, _, err = n.kernel.Generation(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	live, err := n.kernel.Live()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	if len(live) > 0 {
		s.live = live[0]
	}
	return s, nil
}

// findInstalled settles which model the kernel holds. The last one known is returned even if
// the kernel holds neither; then trusted is false, and only a rebuild is safe.
func (n *Node) findInstalled(s kernelState) (m *model, trusted bool, err error) {
	if n.model != nil && len(s.tables) == 3 && n.model.Stamp.Generation == s.generation {
		return n.model, true, nil
	}
	current, err := n.readModel(installedFile)
	if err != nil {
		return nil, false, err
	}
	next, err := n.readModel(nextFile)
	if err != nil {
		return nil, false, err
	}
	whole := len(s.tables) == 3
	for _, m := range []*model{next, current} {
		if m != nil && whole && m.Stamp.Generation == s.generation {
			return m, true, nil
		}
	}
	if next != nil && (current == nil || next.Stamp.Generation > current.Stamp.Generation) {
		return next, false, nil
	}
	return current, false, nil
}
