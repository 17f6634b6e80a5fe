// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/bits"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// Report says what a change came to.
type Report struct {
	// Generation is the kernel's generation after the change.
	Generation uint32 `json:"generation"`
	// Changed says whether there was anything to change, Operations in how many steps of the
	// one transaction.
	Changed    bool `json:"changed"`
	Operations int  `json:"operations"`
	// Flipped says that flows which ran were judged again: the change could forbid some.
	Flipped bool `json:"flipped"`
	// Rebuilt says that the kernel did not hold what it was left with, and why.
	Rebuilt   string             `json:"rebuilt,omitempty"`
	Conflicts []compile.Conflict `json:"conflicts,omitempty"`
}

// attempts bounds how often a transaction is tried against a kernel that others change.
const attempts = 4

// follow makes the kernel equal to the inputs, in one transaction.
func (n *Node) follow(ctx context.Context) (Report, error) {
	desired, conflicts := n.desired()
	var last error
	for range attempts {
		if err := ctx.Err(); err != nil {
			return Report{}, err
		}
		report, err := n.try(ctx, desired)
		if err == nil {
			report.Conflicts = conflicts
			return report, n.keepPolicies(report.Generation)
		}
		// Somebody changed our tables between reading and writing, or the kernel's answer was
		// lost: what is true now is read again.
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) &&
			!errors.Is(err, nft.ErrUnknownOutcome) {
			return Report{}, err
		}
		last = err
	}
	return Report{}, fmt.Errorf("%d attempts: %w", attempts, last)
}

// try reads what the kernel holds, plans the transaction and sends it.
func (n *Node) try(ctx context.Context, desired *ruleset.Ruleset) (Report, error) {
	state, err := n.readKernel()
	if err != nil {
		return Report{}, err
	}
	installed, trusted, err := n.findInstalled(state)
	if err != nil {
		return Report{}, err
	}
	var keep retained
	if trusted {
		desired, keep = n.retain(desired, installed)
	}
	if len(desired.Tables) == 0 {
		return n.leave(state, installed)
	}
	next, ops, report := n.plan(desired, installed, trusted, state)
	next.retained = keep
	if len(ops) == 0 {
		return Report{Generation: state.generation}, n.settle(installed)
	}
	if err := n.clearEpoch(installed, trusted, next); err != nil {
		return Report{}, err
	}
	data, err := next.encode()
	if err != nil {
		return Report{}, err
	}
	if err := writeFile(n.path(nextFile), data); err != nil {
		return Report{}, fmt.Errorf("next ruleset: %w", err)
	}
	if err := n.kernel.Apply(ctx, ops); err != nil {
		return Report{}, err
	}
	return report, n.confirm(next)
}

// plan works out the next model and the steps towards it. The set generation is replaced in
// every transaction: its old element must still be there, so a transaction that was planned
// on what is no longer true is refused as a whole.
func (n *Node) plan(desired *ruleset.Ruleset, installed *model, trusted bool, state kernelState) (
	*model, []ruleset.Op, Report) {
	next := &model{Stamp: compile.Stamp{Generation: 1, Epoch: 1}}
	if installed != nil {
		next.Stamp = installed.Stamp
		next.Wrapped = installed.Wrapped
	}
	next.Stamp.Generation = max(next.Stamp.Generation, state.generation)
	if !trusted {
		return n.planRebuild(next, desired, installed, state)
	}
	desired = desired.Shared(installed.ruleset) // compared once, not with each stamp
	ops := ruleset.Diff(installed.ruleset, n.config.Stamped(desired, installed.Stamp))
	if len(ops) == 0 {
		return next, nil, Report{}
	}
	report := Report{Changed: true, Flipped: compile.Narrows(ops)}
	if report.Flipped {
		n.flip(next)
	}
	next.Stamp.Generation++
	next.ruleset = n.config.Stamped(desired, next.Stamp)
	ops = ruleset.Diff(installed.ruleset, next.ruleset)
	report.Generation, report.Operations = next.Stamp.Generation, len(ops)
	return next, ops, report
}

// planRebuild replaces whatever tables there are by new ones, in one transaction: the old
// rules hold until the new ones do.
func (n *Node) planRebuild(next *model, desired *ruleset.Ruleset, installed *model,
	state kernelState) (*model, []ruleset.Op, Report) {
	next.Stamp.Epoch = max(next.Stamp.Epoch, n.epochOf(state.live))
	n.flip(next)
	next.Stamp.Generation++
	next.ruleset = n.config.Stamped(desired, next.Stamp)
	var ops []ruleset.Op
	for _, f := range state.tables {
		ops = append(ops, ruleset.Op{Kind: ruleset.DeleteTable, Family: f})
	}
	ops = append(ops, ruleset.Diff(nil, next.ruleset)...)
	report := Report{Changed: true, Flipped: true, Operations: len(ops),
		Generation: next.Stamp.Generation}
	switch {
	case len(state.tables) > 0:
		report.Rebuilt = "the kernel holds a ruleset that is not the recorded one"
	case installed != nil:
		report.Rebuilt = "the kernel holds none of our tables any more"
	}
	return next, ops, report
}

// flip moves to the next epoch: every flow is judged once more.
func (n *Node) flip(m *model) {
	m.Stamp.Epoch++
	if m.Stamp.Epoch > n.config.Epochs() {
		m.Stamp.Epoch, m.Wrapped = 1, true
	}
}

func (n *Node) epochOf(mark uint32) uint32 {
	return mark & n.config.EpochMask >> bits.TrailingZeros32(n.config.EpochMask)
}

// clearEpoch sees to it that no conntrack entry carries an epoch before it becomes live: such
// a flow would pass unjudged. A first install clears what an earlier life left behind; a value
// that was used before, or that we cannot vouch for, is cleared by itself.
func (n *Node) clearEpoch(installed *model, trusted bool, next *model) error {
	if installed == nil {
		_, err := n.links.ForgetMarked(n.config.EpochMask)
		return err
	}
	if installed.Stamp.Epoch == next.Stamp.Epoch || trusted && !next.Wrapped {
		return nil
	}
	mark := next.Stamp.Epoch << bits.TrailingZeros32(n.config.EpochMask)
	_, err := n.links.ForgetMark(mark, n.config.EpochMask)
	return err
}

// confirm reads the generation back and makes the next model the installed one.
func (n *Node) confirm(next *model) error {
	generation, _, err := n.kernel.Generation()
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if generation != next.Stamp.Generation {
		return fmt.Errorf("read back: generation %d, want %d: %w", generation,
			next.Stamp.Generation, nft.ErrUnknownOutcome)
	}
	if err := rename(n.path(nextFile), n.path(installedFile)); err != nil {
		return err
	}
	n.model = next
	return nil
}

// settle makes a model that turned out to be installed the recorded one: a former process
// died between its commit and its record.
func (n *Node) settle(m *model) error {
	current, err := n.readModel(installedFile)
	if err != nil || current != nil && current.Stamp == m.Stamp {
		return err
	}
	data, err := m.encode()
	if err != nil {
		return err
	}
	return writeFile(n.path(installedFile), data)
}

// leave takes our tables away: nothing is managed here any more. Flows keep no mark of ours.
func (n *Node) leave(state kernelState, installed *model) (Report, error) {
	if len(state.tables) == 0 && installed == nil {
		return Report{}, nil
	}
	n.model = nil
	if err := n.kernel.Remove(); err != nil {
		return Report{}, err
	}
	if _, err := n.links.ForgetMarked(n.config.EpochMask); err != nil {
		return Report{}, err
	}
	return Report{Changed: true, Operations: len(state.tables)}, n.removeModels()
}
