// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// promptly is the time within which a policy change must hold, from the return of apply.
const promptly = 50 * time.Millisecond

// A flow that runs stops when policy forbids it: the client's packets, the server's, in every
// protocol, and it does not come back before it is allowed again.
func TestThreat056(t *testing.T) {
	for _, w := range []way{{"a", "b"}, {"a", "d"}, {"e", "f"}} {
		t.Run(w.from+"-"+w.to, func(t *testing.T) {
			s := newSite(t)
			s.policies(t, isolate(w.to)+admit(w.to, w.from, ""))
			s.attach(t)
			var flows []*testnet.Conn
			for _, proto := range []string{"tcp", "udp", "sctp"} {
				s.boxes[w.to].Serve(t, proto, 80)
				for _, six := range both {
					c, err := s.boxes[w.from].Open(proto, "", portAt(w.to, six, 80).String(), 0)
					if err != nil {
						t.Fatalf("%s: %v", proto, err)
					}
					defer c.Close()
					flows = append(flows, c)
				}
			}
			echoes(t, "allowed", flows, nil, time.Second)
			s.policies(t, isolate(w.to))
			s.apply(t)
			echoes(t, "denied", flows, testnet.ErrTimeout, 0)
			s.policies(t, isolate(w.to)+admit(w.to, w.from, ""))
			s.apply(t)
			echoes(t, "allowed again", flows, nil, 5*time.Second)
			s.policies(t, "")
			s.apply(t)
			echoes(t, "without a policy", flows, nil, time.Second)
		})
	}
}

// echoes sends a line over all flows at once.
func echoes(t testing.TB, when string, flows []*testnet.Conn, want error, timeout time.Duration) {
	t.Helper()
	var all sync.WaitGroup
	for i, c := range flows {
		all.Go(func() {
			if err := c.Echo(timeout); !errors.Is(err, want) {
				t.Errorf("%s: flow %d: got %v, want %v", when, i, err, want)
			}
		})
	}
	all.Wait()
}

// The server's own data stops as well: also after the connection's entry is gone, when loose
// tracking would take the server for a client.
func TestThreat056ServerData(t *testing.T) {
	for _, forget := range []bool{false, true} {
		t.Run(fmt.Sprint("entry deleted ", forget), func(t *testing.T) {
			s := newSite(t)
			s.policies(t, isolate("b")+openEgress+admit("b", "a", ""))
			s.attach(t)
			server := s.accept(t, "b", 90)
			client := s.stream(t, "a", portAt("b", false, 90))
			push := <-server
			read := func() error {
				client.SetReadDeadline(time.Now().Add(promptly))
				_, err := client.Read(make([]byte, 100))
				return err
			}
			say := func() {
				t.Helper()
				if _, err := push.Write([]byte("push\n")); err != nil {
					t.Fatal(err)
				}
			}
			if say(); read() != nil {
				t.Fatal("allowed: nothing arrives")
			}
			s.policies(t, isolate("b")+openEgress)
			s.apply(t)
			if forget {
				s.operate(t, forgetEverything)
			}
			for range 5 {
				say()
				if read() == nil {
					t.Error("denied: data arrives")
				}
			}
		})
	}
}

// forgetEverything makes the node judge every flow from nothing: it forgets the addresses of b.
func forgetEverything(ctx context.Context, n *node.Node) (node.Report, error) {
	for _, a := range n.Attachments() {
		if a.Endpoint.Name == "b" {
			return n.Attach(ctx, a)
		}
	}
	return node.Report{}, errors.New("b is not attached")
}

// accept hands out the connections that a container accepts.
func (s *site) accept(t testing.TB, name string, port int) <-chan net.Conn {
	t.Helper()
	var l net.Listener
	var err error
	s.boxes[name].Do(func() { l, err = net.Listen("tcp", fmt.Sprint(":", port)) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	out := make(chan net.Conn)
	go func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			t.Cleanup(func() { c.Close() })
			out <- c
		}
	}()
	return out
}

// Flows that policy still allows lose no packet while others are forbidden: datagrams are not
// sent again, so that each must arrive.
func TestThreat058(t *testing.T) {
	s := newSite(t)
	allowed := isolate("b") + isolate("f") + openEgress + admit("b", "a", "") + admit("f", "a", "")
	s.policies(t, allowed)
	s.attach(t)
	var flows []*testnet.Conn
	s.boxes["b"].Serve(t, "udp", 80)
	s.boxes["f"].Serve(t, "udp", 80)
	for i := range 100 {
		to := []string{"b", "f"}[i%2]
		c, err := s.boxes["a"].Open("udp", "", portAt(to, i%4 > 1, 80).String(), 0)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		flows = append(flows, c)
	}
	echoes(t, "at first", flows, nil, 2*time.Second)
	stop, done := make(chan struct{}), make(chan int)
	go func() {
		sent := 0
		for {
			for i, c := range flows {
				if err := c.Echo(2 * time.Second); err != nil {
					t.Errorf("flow %d, datagram %d: %v", i, sent, err)
				}
				sent++
			}
			select {
			case <-stop:
				done <- sent
				return
			default:
			}
		}
	}()
	flips := 0
	for i := range 20 {
		s.policies(t, allowed+admit("d", "c", fmt.Sprintf("[{port: %d}]", 1000+i)))
		if s.apply(t).Flipped {
			flips++
		}
	}
	close(stop)
	t.Logf("%d datagrams during 20 changes, %d of which judged all flows again", <-done, flips)
	if flips < 10 {
		t.Errorf("flips: got %d of 20 changes, want most: nothing was tested", flips)
	}
}

// A flow that nobody answers, as of logs and measurements, is called new by conntrack for ever. It
// was judged all the same, and loses nothing when the rules of its receiver are replaced while a
// packet is on its way.
func TestThreat058Unanswered(t *testing.T) {
	s := newSite(t)
	allowed := isolate("b") + isolate("f") + openEgress + admit("b", "a", "") + admit("f", "a", "")
	s.policies(t, allowed)
	s.attach(t)
	for i, to := range []string{"b", "f"} {
		heard := s.listenSilently(t, to, portAt(to, i > 0, 514))
		sent := s.speak(t, portAt(to, i > 0, 514), func() {
			for i := range 40 {
				s.policies(t, allowed+admit(to, "c", fmt.Sprintf("[{port: %d}]", 1000+i)))
				if !s.apply(t).Flipped {
					t.Errorf("change %d: flows are not judged again: nothing was tested", i)
				}
			}
		})
		if got := heard(sent); got != sent {
			t.Errorf("a -> %s: got %d of %d datagrams during 40 changes, want all", to, got, sent)
		}
	}
}

// listenSilently counts what arrives at a socket that never answers. The function returned waits
// until as many have arrived as it is told, or none for a while.
func (s *site) listenSilently(t *testing.T, box string, at netip.AddrPort) func(want int) int {
	t.Helper()
	var socket *net.UDPConn
	var err error
	s.boxes[box].Do(func() { socket, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(at)) })
	if err != nil {
		t.Fatal(err)
	}
	raw, err := socket.SyscallConn()
	if err == nil {
		err = errors.Join(raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 256<<20)
		}), err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	var got atomic.Int64
	go func() {
		data := make([]byte, 16)
		for {
			if _, _, err := socket.ReadFromUDPAddrPort(data); err != nil {
				return
			}
			got.Add(1)
		}
	}()
	return func(want int) int {
		for last := int64(-1); got.Load() != last && got.Load() < int64(want); {
			last = got.Load()
			time.Sleep(500 * time.Millisecond)
		}
		return int(got.Load())
	}
}

// speak sends datagrams from a without a pause while something is done, so that there is always
// one on its way.
func (s *site) speak(t *testing.T, to netip.AddrPort, meanwhile func()) (sent int) {
	t.Helper()
	var socket *net.UDPConn
	var err error
	s.boxes["a"].Do(func() { socket, err = net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to)) })
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := socket.Write([]byte("unanswered")); err != nil {
				t.Errorf("a -> %s: %v", to, err)
			}
			sent++
		}
	}()
	meanwhile()
	close(stop)
	<-done
	return sent
}

// What is denied and what is allowed follows the documents, at once and in both directions.
func TestThreat059(t *testing.T) {
	s := newSite(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	s.attach(t)
	for _, step := range []struct {
		policies string
		want     error
	}{
		{"", nil}, {isolate("b"), testnet.ErrTimeout},
		{isolate("b") + admit("b", "a", ""), nil}, {isolate("b"), testnet.ErrTimeout}, {"", nil},
		{isolate("a"), testnet.ErrTimeout}, {isolate("a") + openEgress, nil},
		{isolate("c"), nil}, {isolate("b") + isolate("a"), testnet.ErrTimeout}, {"", nil},
	} {
		s.policies(t, step.policies)
		s.apply(t)
		s.reachBoth(t, "a", "b", step.want)
	}
}
