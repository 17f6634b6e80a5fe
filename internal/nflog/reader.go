// SPDX-License-Identifier: Apache-2.0

package nflog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Reader reads one NFLOG group. One goroutine reads at a time; Close may be called at any time.
type Reader struct {
	group  uint16
	conn   *netlink.Conn
	raw    syscall.RawConn
	closed atomic.Bool
	tuples bool

	// buffer is the size of the socket's buffer, and limit what it may grow to.
	buffer, limit int

	parser   parser
	sequence sequence
	early    [][]byte // datagrams that came before the answer to Open
	buf      []byte

	// The attempt to receive one datagram: its function is made once.
	attempt func(fd uintptr) bool
	wait    bool
	n       int
	from    unix.Sockaddr
	err     error
}

// Batch is what the kernel sent in one datagram. It may have no message, if all it tells is that
// some were lost.
type Batch struct {
	// Messages and what they point to are valid until the next Read.
	Messages []Message
	// Lost is what was lost before and between these messages.
	Lost Loss
}

// Loss tells what was logged and not received.
type Loss struct {
	// Gaps is the number of messages that are missing in the sequence.
	Gaps uint64
	// Overruns is how often the socket's buffer was full. How many messages that cost is told as
	// Gaps, later.
	Overruns uint64
	// Malformed is how many datagrams could not be read to their end. The messages behind are
	// counted in Gaps, later.
	Malformed uint64
}

// Add adds o to l.
func (l *Loss) Add(o Loss) {
	l.Gaps += o.Gaps
	l.Overruns += o.Overruns
	l.Malformed += o.Malformed
}

// HasTuples tells whether the kernel adds conntrack's view to messages (Message.Conntrack). It
// needs nf_conntrack_netlink and CONFIG_NETFILTER_NETLINK_GLUE_CT.
func (r *Reader) HasTuples() bool { return r.tuples }

// Buffer is the size of the socket's buffer now, in bytes. The kernel counts what a message
// occupies, which is more than its length, and allows twice this number.
func (r *Reader) Buffer() int { return r.buffer }

// Read waits for the next datagram. The error is that of ctx when it ends, and matches
// os.ErrClosed after Close; after any other, Read may be called again.
func (r *Reader) Read(ctx context.Context) (Batch, error) {
	b, err := r.next(ctx)
	switch {
	case errors.Is(err, unix.ENOBUFS):
		return Batch{Lost: Loss{Overruns: 1}}, r.grow()
	case err != nil:
		return Batch{}, r.failure(err)
	}
	out := Batch{}
	ok := r.parser.datagram(b, time.Now())
	if !ok {
		out.Lost.Malformed = 1
	}
	out.Messages = r.parser.messages
	for i := range out.Messages {
		if m := &out.Messages[i]; m.HasSeq {
			out.Lost.Gaps += r.sequence.missing(m.Seq)
		}
	}
	return out, nil
}

// failure is an error of a Read with its subject.
func (r *Reader) failure(err error) error {
	if r.closed.Load() {
		err = os.ErrClosed
	}
	return fmt.Errorf("NFLOG group %d: %w", r.group, err)
}

// next returns the next datagram of the kernel.
func (r *Reader) next(ctx context.Context) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(r.early) > 0 {
		b := r.early[0]
		r.early = r.early[1:]
		return b, nil
	}
	b, err := r.receive(false)
	if !errors.Is(err, unix.EAGAIN) {
		return b, err
	}
	// Only who has to wait pays for watching ctx. A deadline in the past wakes the reader.
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = r.conn.SetReadDeadline(time.Unix(1, 0))
		close(woken)
	})
	b, err = r.receive(true)
	if !stop() {
		<-woken
		_ = r.conn.SetReadDeadline(time.Time{})
		if err != nil {
			err = ctx.Err()
		}
	}
	return b, err
}

// Close ends the reader, and a Read that waits. The group is free when it and Read have returned.
func (r *Reader) Close() error {
	if r.closed.Swap(true) {
		return nil
	}
	return r.conn.Close()
}

// sequence watches the numbers that the kernel gives to the messages of one group, from zero on.
type sequence struct {
	next uint32
}

// missing returns how many numbers are missing before n. They wrap around.
func (s *sequence) missing(n uint32) uint64 {
	gap := n - s.next
	s.next = n + 1
	if int32(gap) < 0 {
		// Backwards: the kernel never does that, and it would not mean four thousand million lost.
		return 0
	}
	return uint64(gap)
}
