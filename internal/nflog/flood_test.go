// SPDX-License-Identifier: Apache-2.0

package nflog_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-net/bulkhead/internal/nflog"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// lo is a namespace in which whatever is sent to a port of its loopback is logged, counted and
// dropped.
type lo struct {
	*testnet.Namespace
	fd int
	to unix.SockaddrInet4
}

func newLo(t testing.TB) *lo {
	t.Helper()
	l := &lo{Namespace: testnet.NewNamespace(t, "flood")}
	l.Nft(t, fmt.Sprintf(`table ip watch {
		counter dropped { }
		chain watch {
			type filter hook input priority 0
			udp dport 9 log prefix %q group %d snaplen 128 counter name dropped drop
		}
	}
	`, prefix, group))
	var err error
	l.Do(func() { l.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(l.fd) })
	l.to = unix.SockaddrInet4{Port: 9, Addr: netip.MustParseAddr("127.0.0.1").As4()}
	return l
}

// send sends n packets of 100 bytes one after the other: the rule has dropped each when its system
// call returns.
func (l *lo) send(t testing.TB, n int) {
	t.Helper()
	payload := make([]byte, 72)
	for range n {
		if err := unix.Sendto(l.fd, payload, 0, &l.to); err != nil {
			t.Fatal(err)
		}
	}
}

var packets = regexp.MustCompile(`packets (\d+)`)

// dropped is how many packets the rule has counted.
func (l *lo) dropped(t testing.TB) int {
	t.Helper()
	out := l.Run(t, "nft", "list", "counter", "ip", "watch", "dropped")
	n, err := strconv.Atoi(packets.FindStringSubmatch(out)[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// drain reads until nothing has come for a while, and returns what came and what was lost.
func drain(t testing.TB, r *nflog.Reader) (received int, lost nflog.Loss) {
	t.Helper()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		b, err := r.Read(ctx)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			return received, lost
		}
		if err != nil {
			t.Fatal(err)
		}
		received += len(b.Messages)
		lost.Add(b.Lost)
	}
}

// What a full buffer cost is told to the last message, as soon as one more gets through.
func TestLossIsCounted(t *testing.T) {
	l := newLo(t)
	r := open(t, l.Namespace, nflog.Options{Buffer: 64 << 10})
	const flood = 20_000
	l.send(t, flood) // nobody reads meanwhile
	received, lost := drain(t, r)
	if received == 0 || received >= flood || lost.Overruns == 0 {
		t.Fatalf("got %d of %d messages and %+v, want a part of them and an overrun", received,
			flood, lost)
	}
	l.send(t, 1)
	last, more := drain(t, r)
	lost.Add(more)
	sent := l.dropped(t)
	if last != 1 || sent != flood+1 || received+last+int(lost.Gaps) != sent || lost.Malformed != 0 {
		t.Errorf("got %d and %d messages and %+v, want them to be the %d that were dropped",
			received, last, lost, sent)
	}
	if r.Buffer() != 64<<10 {
		t.Errorf("buffer: got %d bytes, want no more than was allowed", r.Buffer())
	}
	t.Logf("sent %d, received %d, lost %+v", sent, received+last, lost)
}

// The buffer is small until the first loss, and from then on as large as it may be.
func TestBufferGrows(t *testing.T) {
	l := newLo(t)
	r := open(t, l.Namespace, nflog.Options{})
	if r.Buffer() != 1<<20 {
		t.Errorf("buffer: got %d bytes, want 1 MiB at first", r.Buffer())
	}
	const flood = 20_000
	l.send(t, flood)
	_, lost := drain(t, r)
	if lost.Overruns != 1 {
		t.Fatalf("got %+v, want one overrun", lost)
	}
	if r.Buffer() != nflog.DefaultBuffer {
		t.Errorf("buffer: got %d bytes, want %d after a loss", r.Buffer(), nflog.DefaultBuffer)
	}
	l.send(t, 1)
	_, more := drain(t, r)
	if lost.Add(more); lost.Gaps == 0 {
		t.Errorf("got %+v, want the first loss told", lost)
	}
	l.send(t, flood)
	if received, lost := drain(t, r); received != flood || lost != (nflog.Loss{}) {
		t.Errorf("got %d messages and %+v, want all %d of the same flood", received, lost, flood)
	}
}

// A reader that keeps up loses nothing of 300,000 packets that come as fast as one sender can.
func TestFloodWithoutLoss(t *testing.T) {
	l := newLo(t)
	r := open(t, l.Namespace, nflog.Options{})
	l.send(t, 20_000)
	drain(t, r) // the buffer has grown
	l.send(t, 1)
	drain(t, r)
	const flood = 300_000
	type result struct {
		received int
		lost     nflog.Loss
	}
	done := make(chan result)
	go func() {
		var got result
		for got.received < flood {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			b, err := r.Read(ctx)
			cancel()
			if err != nil {
				break
			}
			got.received += len(b.Messages)
			got.lost.Add(b.Lost)
		}
		done <- got
	}()
	start := time.Now()
	l.send(t, flood)
	took := time.Since(start)
	got := <-done
	t.Logf("%.0f packets a second", flood/took.Seconds())
	if got.received != flood || got.lost != (nflog.Loss{}) {
		t.Errorf("got %d messages and %+v, want all %d", got.received, got.lost, flood)
	}
}
