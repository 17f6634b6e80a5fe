// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// attempts bounds how often a transaction is sent again that the kernel put off.
const attempts = 5

// Options say where the kernel's state is.
type Options struct {
	// NetNS is a file descriptor of the network namespace, or 0 for the caller's. It is
	// needed until Open returns.
	NetNS int
}

// Kernel is our tables in one network namespace. Its methods may be called at the same time;
// applies run one after another.
type Kernel struct {
	netns  int // our own descriptor of the namespace, 0 for the caller's
	writer *socket
	reader *socket
	// counting is the socket of Totals, nil until it is first asked for.
	counting *socket
	totals   sync.Mutex // guards counting
}

// Open makes the sockets. It needs CAP_NET_ADMIN in the namespace; without it the error
// matches fs.ErrPermission.
func Open(o Options) (*Kernel, error) {
	k := &Kernel{}
	var err error
	if o.NetNS != 0 {
		if k.netns, err = unix.FcntlInt(uintptr(o.NetNS), unix.F_DUPFD_CLOEXEC, 3); err != nil {
			return nil, fmt.Errorf("network namespace: %w", err)
		}
	}
	if k.writer, err = openSocket(k.netns); err == nil {
		k.reader, err = openSocket(k.netns)
	}
	if err != nil {
		return nil, errors.Join(err, k.Close())
	}
	return k, nil
}

// Close closes the sockets. What was applied stays.
func (k *Kernel) Close() error {
	var errs []error
	for _, s := range []*socket{k.writer, k.reader, k.counting} {
		if s != nil {
			errs = append(errs, s.conn.Close())
		}
	}
	if k.netns != 0 {
		errs = append(errs, unix.Close(k.netns))
		k.netns = 0
	}
	return errors.Join(errs...)
}

// Apply carries out the operations as one transaction across all tables: all of them or, when
// it returns an error, none. The one exception is an error that matches ErrUnknownOutcome.
// Other errors name the operation that the kernel refused.
func (k *Kernel) Apply(ctx context.Context, ops []rs.Op) error {
	b, err := newBatch(ops)
	if err != nil {
		return err
	}
	return k.carryOut(ctx, b)
}

// Try asks the kernel whether it would accept the operations, and changes nothing: there is no
// moment in which a reader sees any of them, or a packet meets them. (What a transaction adds and
// deletes again is listed while the kernel takes it back, so that a pair of both would not do.)
// Errors are those of Apply.
func (k *Kernel) Try(ctx context.Context, ops []rs.Op) error {
	b, err := openBatch(ops)
	if err != nil {
		return err
	}
	return k.carryOut(ctx, b)
}

func (k *Kernel) carryOut(ctx context.Context, b *batch) (err error) {
	if len(b.msgs) == 0 {
		return nil
	}
	k.writer.mu.Lock()
	defer k.writer.mu.Unlock()
	for range attempts {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("transaction: %w", err)
		}
		err = k.writer.transact(b)
		// Nothing was done: somebody else changed nf_tables in between, or a module had
		// to be loaded.
		if !errors.Is(err, unix.ERESTART) && !errors.Is(err, unix.EAGAIN) {
			return err
		}
	}
	return err
}

// transact sends the batch and reads the answers. The kernel works in the sender's own system
// call, so that every answer is there when it returns, and a missing one is lost.
func (s *socket) transact(b *batch) error {
	base := s.seq + 1
	s.seq += uint32(len(b.msgs)) + 2
	b.sequence(base)
	if err := s.send(b.buf); err != nil {
		return fmt.Errorf("transaction of %d bytes: %w", len(b.buf), err)
	}
	a := answers{batch: b, base: base}
	for {
		ms, err := s.receive(false)
		if errors.Is(err, unix.EAGAIN) {
			return a.outcome()
		}
		if err != nil {
			a.lost = err
			if !errors.Is(err, unix.ENOBUFS) {
				return a.outcome()
			}
			continue
		}
		for _, m := range ms {
			a.add(m)
		}
	}
}

// answers collects what the kernel says to a transaction.
type answers struct {
	batch    *batch
	base     uint32
	accepted bool  // the last operation was acknowledged
	refused  error // the first refusal
	lost     error
}

func (a *answers) add(m message) {
	index := int(m.seq-a.base) - 1 // -1 is the begin message: the transaction as such
	if m.typ != unix.NLMSG_ERROR || index < -1 || index >= len(a.batch.msgs) {
		return
	}
	switch {
	case m.errorCode() == nil:
		a.accepted = a.accepted || index == len(a.batch.msgs)-1
	case a.refused == nil:
		a.refused = a.batch.refusal(m, index)
	}
}

// outcome is what the answers mean. A refusal of anything refuses all; the acknowledgement of
// the last operation counts only when there is none, since it is also sent when the commit
// itself fails.
func (a *answers) outcome() error {
	switch {
	case a.refused != nil:
		return a.refused
	case a.lost != nil:
		return fmt.Errorf("transaction: %w: %w", ErrUnknownOutcome, a.lost)
	case !a.accepted:
		return fmt.Errorf("transaction: %w: no answer", ErrUnknownOutcome)
	}
	return nil
}
