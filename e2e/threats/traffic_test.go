// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The ways of the traffic that runs while something happens to the agent: what peace allows and
// what it denies, bridged, routed, and from the node's LAN.
var (
	allowedWays = []way{{"a", "b"}, {"f", "e"}}
	deniedWays  = []way{{"c", "b"}, {"x", "b"}, {"d", "e"}, {"x", "e"}}
)

// peace are the policies of that traffic.
var peace = isolate("b") + isolate("e") + admit("b", "a", "") + admit("e", "f", "")

const (
	// trafficPort is where the receivers listen.
	trafficPort = 4242
	// pace is the time between two datagrams of a stream; twelve streams make 1,000 a second.
	pace = 12 * time.Millisecond
	// talk is how many datagrams go over one flow: there are always some that run, and new ones.
	talk = 20
)

// traffic is datagrams that are sent at a steady pace, and what became of them.
type traffic struct {
	streams []*stream
	stop    chan struct{}
	group   sync.WaitGroup

	mu       sync.Mutex
	arrivals map[string][]time.Time // by stream
}

// stream is one sender, on one way and in one family.
type stream struct {
	way
	six        bool
	sent, back atomic.Int64
}

func (s *stream) String() string {
	return fmt.Sprintf("%s-%s (%s)", s.from, s.to, addrOf(s.to, s.six))
}

// listen opens the receivers of the traffic, which answer. They live as long as the test.
func (s *site) listen(t testing.TB, f *traffic) {
	t.Helper()
	for _, name := range []string{"b", "e"} {
		var c *net.UDPConn
		var err error
		s.boxes[name].Do(func() { c, err = net.ListenUDP("udp", &net.UDPAddr{Port: trafficPort}) })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		go func() {
			data := make([]byte, 64)
			for {
				n, from, err := c.ReadFromUDPAddrPort(data)
				if errors.Is(err, net.ErrClosed) {
					return
				}
				if err == nil {
					f.arrived(string(data[:n]))
					_, _ = c.WriteToUDPAddrPort(data[:n], from)
				}
			}
		}()
	}
}

func (f *traffic) arrived(stream string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.arrivals[stream] = append(f.arrivals[stream], time.Now())
}

// run starts the traffic of the ways, until halt.
func (s *site) run(t testing.TB, f *traffic, ways []way) {
	t.Helper()
	f.stop, f.streams = make(chan struct{}), nil
	f.mu.Lock() // the receivers go on hearing what is on its way
	f.arrivals = map[string][]time.Time{}
	f.mu.Unlock()
	for _, w := range ways {
		for _, six := range both {
			one := &stream{way: w, six: six}
			f.streams = append(f.streams, one)
			f.group.Go(func() { s.send(t, one, f.stop) })
		}
	}
	t.Cleanup(f.halt)
}

// send is a stream's life.
func (s *site) send(t testing.TB, one *stream, stop <-chan struct{}) {
	beat := time.NewTicker(pace)
	defer beat.Stop()
	for {
		c, err := s.dial(one)
		if err != nil {
			t.Errorf("%s: %v", one, err)
			return
		}
		go one.hear(c)
		ended := one.speak(c, beat.C, stop)
		// Late answers are heard; a closed port would answer them with an error.
		time.AfterFunc(time.Second, func() { c.Close() })
		if ended {
			return
		}
	}
}

func (s *site) dial(one *stream) (c net.Conn, err error) {
	to := net.UDPAddrFromAddrPort(portAt(one.to, one.six, trafficPort))
	s.boxes[one.from].Do(func() { c, err = net.DialUDP("udp", nil, to) })
	return c, err
}

// speak sends the datagrams of one flow; true says that it was told to stop.
func (s *stream) speak(c net.Conn, beat <-chan time.Time, stop <-chan struct{}) bool {
	for range talk {
		select {
		case <-stop:
			return true
		case <-beat:
		}
		// An error is the network's answer to an earlier datagram.
		if _, err := fmt.Fprint(c, s); err == nil {
			s.sent.Add(1)
		}
	}
	return false
}

func (s *stream) hear(c net.Conn) {
	data := make([]byte, 64)
	for {
		_, err := c.Read(data)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			s.back.Add(1)
		}
	}
}

// halt ends the traffic and waits for what is under way.
func (f *traffic) halt() {
	select {
	case <-f.stop:
	default:
		close(f.stop)
		f.group.Wait()
		time.Sleep(4 * grace)
	}
}

// since counts what arrived of a stream after a moment.
func (f *traffic) since(one *stream, began time.Time) (n int, last time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, at := range f.arrivals[one.String()] {
		if at.After(began) {
			n, last = n+1, at
		}
	}
	return n, last
}

// open demands that every datagram of the ways was answered.
func (f *traffic) open(t testing.TB, when string, ways []way) {
	t.Helper()
	for _, one := range f.of(ways) {
		sent, back := one.sent.Load(), one.back.Load()
		if sent == 0 || back != sent {
			t.Errorf("%s: %s: got %d answers to %d datagrams, want all", when, one, back, sent)
		}
	}
}

// closed demands that nothing of the ways arrived after a moment, although it was sent.
func (f *traffic) closed(t testing.TB, when string, ways []way, began time.Time) {
	t.Helper()
	for _, one := range f.of(ways) {
		n, _ := f.since(one, began)
		if sent := one.sent.Load(); n > 0 || sent == 0 {
			t.Errorf("%s: %s: got %d of %d datagrams through, want none", when, one, n, sent)
		}
	}
}

func (f *traffic) of(ways []way) []*stream {
	var out []*stream
	for _, one := range f.streams {
		for _, w := range ways {
			if one.way == w {
				out = append(out, one)
			}
		}
	}
	return out
}

// total sums what was sent.
func (f *traffic) total(ways []way) (sent int64) {
	for _, one := range f.of(ways) {
		sent += one.sent.Load()
	}
	return sent
}

// everyWay is all of the traffic.
func everyWay() []way { return append(append([]way{}, allowedWays...), deniedWays...) }

// unprotected opens the receivers and shows that every stream is answered while nothing protects
// the node.
func (s *site) unprotected(t testing.TB) *traffic {
	t.Helper()
	if rules := s.Run(t, "nft", "list", "ruleset"); strings.Contains(rules, "bulkhead") {
		t.Fatalf("unprotected: got rules:\n%s", rules)
	}
	f := &traffic{}
	s.listen(t, f)
	s.run(t, f, everyWay())
	time.Sleep(200 * time.Millisecond)
	f.halt()
	f.open(t, "unprotected", everyWay())
	return f
}
