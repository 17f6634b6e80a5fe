// SPDX-License-Identifier: Apache-2.0

package nflog_test

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-net/bulkhead/internal/nflog"
)

// threadTime is the CPU time of the calling thread, in the kernel and outside of it. The clock is
// exact, unlike getrusage, which lags behind by up to a tick.
func threadTime(b *testing.B) time.Duration {
	b.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now); err != nil {
		b.Fatal(err)
	}
	return time.Duration(now.Nano())
}

// BenchmarkRead is what a waiting message costs its reader, system calls included: the CPU time of
// the reading thread, so that neither the sender nor other processes count. With decode, the
// packets' headers are read too.
func BenchmarkRead(b *testing.B) {
	for _, c := range []struct {
		name string
		use  func(*nflog.Message)
	}{
		{"raw", func(*nflog.Message) {}},
		{"decode", func(m *nflog.Message) {
			if p, err := m.Decode(); err != nil || p.DstPort != 9 {
				b.Fatalf("got %+v, %v", p, err)
			}
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			l := newLo(b)
			r := open(b, l.Namespace, nflog.Options{})
			l.send(b, 20_000)
			drain(b, r) // the buffer has grown
			l.send(b, 1)
			drain(b, r)
			const burst = 10_000
			events, spent := 0, time.Duration(0)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				l.send(b, burst)
				time.Sleep(50 * time.Millisecond) // the last datagram is on its way
				before := threadTime(b)
				b.StartTimer()
				for got := 0; got < burst; {
					batch, err := r.Read(b.Context())
					if err != nil {
						b.Fatal(err)
					}
					for i := range batch.Messages {
						c.use(&batch.Messages[i])
					}
					if got += len(batch.Messages); batch.Lost != (nflog.Loss{}) {
						b.Fatalf("got %+v, want no loss", batch.Lost)
					}
				}
				spent += threadTime(b) - before
				events += burst
			}
			b.ReportMetric(float64(spent.Nanoseconds())/float64(events), "cpu-ns/event")
		})
	}
}
