// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// scan is a shot of one TCP segment that begins no connection.
func (s *site) scan(t testing.TB, name string, w way, six bool, flags byte) shot {
	return shot{name, func(mark []byte) []byte {
		return s.direct(t, w, testnet.TCP(portAt(w.from, six, 4000), portAt(w.to, six, 80), flags,
			1000, 2000, mark))
	}}
}

// Nothing that no SYN began is taken for established, whether or not policy would allow the SYN.
func TestThreat050(t *testing.T) {
	s := newSite(t)
	var shots []shot
	var at []*testnet.Capture
	kinds := map[string]byte{"syn-ack": testnet.SYN | testnet.ACK, "ack": testnet.ACK,
		"data": testnet.ACK | testnet.PSH, "fin": testnet.FIN, "fin-ack": testnet.FIN | testnet.ACK,
		"rst": testnet.RST, "rst-ack": testnet.RST | testnet.ACK, "null": 0,
		"xmas": testnet.FIN | testnet.PSH | 0x20, "syn-fin": testnet.SYN | testnet.FIN,
		"all": 0x3f}
	for _, w := range ways {
		at = append(at, s.boxes[w.to].Sniff(t, "eth0"))
	}
	for i, w := range ways {
		shots = shots[:0]
		for family, six := range both {
			for kind, flags := range kinds {
				name := fmt.Sprint(w.from, "-", w.to, " ", family, " ", kind)
				shots = append(shots, s.scan(t, name, w, six, flags))
			}
		}
		from := s.boxes[w.from]
		pass(t, from, caught(at[i]), shots)
		s.policies(t, isolate(w.to))
		s.attach(t)
		s.blocked(t, from, caught(at[i]), shots, "midstream", "invalid")
		s.policies(t, "")
		s.apply(t)
		s.blocked(t, from, caught(at[i]), shots, "midstream", "invalid")
		s.uninstall(t)
	}
}

// A tuple that carried an allowed connection carries none in the other direction, not even after
// its end: when the server has closed first, conntrack takes the server's SYN for a stray packet of
// the old connection, and its answer for the beginning of a new one.
func TestThreat050TupleReuse(t *testing.T) {
	for family, six := range both {
		t.Run(family, func(t *testing.T) {
			s := newSite(t)
			s.closes(t, "a", 80)
			seen := s.boxes["b"].Sniff(t, "eth0")
			syn := func(name string, port uint16) []shot {
				return []shot{{name, func(mark []byte) []byte {
					return s.direct(t, way{"a", "b"}, testnet.TCP(portAt("a", six, 80),
						portAt("b", six, port), testnet.SYN, 77, 0, mark))
				}}}
			}
			s.visit(t, "b", ":4000", portAt("a", six, 80))
			pass(t, s.boxes["a"], caught(seen), syn("unprotected", 4000))
			s.policies(t, isolate("b")+openEgress)
			s.attach(t)
			s.visit(t, "b", ":4001", portAt("a", six, 80))
			s.blocked(t, s.boxes["a"], caught(seen), syn("after the end", 4001),
				"midstream", "invalid", "default")
			s.boxes["c"].Serve(t, "tcp", 80)
			conn, err := s.boxes["b"].Open("tcp", ":4002", portAt("c", six, 80).String(), 0)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			during := syn("during", 4002)
			during[0].frame = func(mark []byte) []byte {
				return s.direct(t, way{"c", "b"}, testnet.TCP(portAt("c", six, 80),
					portAt("b", six, 4002), testnet.SYN, 77, 0, mark))
			}
			s.blocked(t, s.boxes["c"], caught(seen), during, "midstream", "invalid", "default")
			if err := conn.Echo(0); err != nil {
				t.Errorf("the connection itself: %v", err)
			}
		})
	}
}

// closes listens and ends every connection before the client does.
func (s *site) closes(t testing.TB, name string, port int) {
	t.Helper()
	var l net.Listener
	var err error
	s.boxes[name].Do(func() { l, err = net.Listen("tcp", fmt.Sprint(":", port)) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			conn.Close()
		}
	}()
}

// visit connects and waits until the server has closed, then closes too.
func (s *site) visit(t testing.TB, from, local string, to netip.AddrPort) {
	t.Helper()
	address, err := net.ResolveTCPAddr("tcp", local)
	if err != nil {
		t.Fatal(err)
	}
	dialer := net.Dialer{Timeout: time.Second, LocalAddr: address}
	var conn net.Conn
	s.boxes[from].Do(func() { conn, err = dialer.Dial("tcp", to.String()) })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatalf("read: got %v, want the end", err)
	}
	conn.Close()
	time.Sleep(5 * time.Millisecond) // for the last acknowledgement
}

// openEgress lets the containers send what they want.
const openEgress = `
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: egress, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress: [{}]
`

// ftpHelper tracks FTP: what the control connection announces becomes "related".
const ftpHelper = `
table inet helper {
	ct helper ftp { type "ftp" protocol tcp; }
	chain pre {
		type filter hook prerouting priority -150;
		tcp dport 21 ct helper set "ftp"
	}
}`

// naive is the firewall that everybody copies.
const naive = `
table inet naive {
	chain forward {
		type filter hook forward priority 0; policy drop;
		meta l4proto ipv6-icmp accept
		ct state established,related accept
		tcp dport 21 accept
	}
}`

// An application helper opens no hole in policy, in either direction.
func TestThreat049(t *testing.T) {
	s := newSite(t)
	s.Sysctl(t, "net/bridge/bridge-nf-call-iptables", "1")
	s.Sysctl(t, "net/bridge/bridge-nf-call-ip6tables", "1")
	for _, name := range []string{"a", "b", "d", "e"} {
		s.boxes[name].Serve(t, "tcp", 21)
		s.boxes[name].Serve(t, "tcp", 8000)
	}
	s.Nft(t, ftpHelper)
	for _, w := range []way{{"a", "b"}, {"a", "d"}, {"a", "e"}} {
		for mode, data := range map[string]way{"passive": w, "active": {w.to, w.from}} {
			t.Run(w.from+"-"+w.to+" "+mode, func(t *testing.T) {
				line := "PORT "
				if mode == "passive" {
					line = "227 Entering Passive Mode "
				}
				target := portAt(data.to, false, 8000).String()
				s.Nft(t, naive)
				control := s.announce(t, w, line, data.to)
				s.reach(t, data.from, target, nil)
				control.Close()
				s.Run(t, "nft", "delete", "table", "inet", "naive")

				// The control connection is allowed, port 8000 is not.
				s.policies(t, isolate(w.from)+isolate(w.to)+openEgress+
					admit(w.to, w.from, "[{port: 21}]"))
				s.attach(t)
				control = s.announce(t, w, line, data.to)
				defer control.Close()
				s.reach(t, data.from, target, testnet.ErrTimeout)
				s.reach(t, w.from, portAt(w.to, false, 21).String(), nil)
				s.uninstall(t)
			})
		}
	}
}

// announce opens a control connection over which port 8000 of a container is announced: in the
// client's direction, and in the server's, which echoes what it gets.
func (s *site) announce(t testing.TB, w way, line, of string) net.Conn {
	t.Helper()
	var conn net.Conn
	var err error
	s.boxes[w.from].Do(func() {
		conn, err = net.DialTimeout("tcp", portAt(w.to, false, 21).String(), time.Second)
	})
	if err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	conn.SetDeadline(time.Now().Add(time.Second))
	comma := strings.ReplaceAll(places[of].v4, ".", ",")
	if line != "PORT " {
		comma = "(" + comma + ",31,64)."
	} else {
		comma += ",31,64"
	}
	for _, text := range []string{"hello", line + comma} {
		if _, err := io.WriteString(conn, text+"\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := reader.ReadString('\n'); err != nil {
			t.Fatalf("control connection: %q: %v", text, err)
		}
	}
	return conn
}

// Many short connections from few source ports are all answered.
func TestThreat052(t *testing.T) {
	s := newSite(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	s.boxes["f"].Serve(t, "tcp", 80)
	s.policies(t, isolate("b")+isolate("f")+admit("b", "a", "[{port: 80}]")+
		admit("f", "a", "[{port: 80}]"))
	s.attach(t)
	dialer := net.Dialer{Timeout: time.Second}
	const connections, ports = 600, 25
	for i := range connections {
		target := portAt([]string{"b", "f"}[i%2], i%4 > 1, 80).String()
		dialer.LocalAddr = &net.TCPAddr{Port: 20000 + i%ports}
		var conn net.Conn
		var err error
		s.boxes["a"].Do(func() { conn, err = dialer.Dial("tcp", target) })
		if errors.Is(err, syscall.EADDRINUSE) {
			t.Fatalf("connection %d: %v", i, err)
		}
		if err != nil {
			t.Fatalf("connection %d of %d to %s: %v", i, connections, target, err)
		}
		if i%3 > 0 { // most end in a reset, some in an orderly way from the server's side
			conn.(*net.TCPConn).SetLinger(0)
		}
		fmt.Fprintf(conn, "line %d\n", i)
		conn.SetDeadline(time.Now().Add(time.Second))
		if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
			t.Fatalf("connection %d: answer: %v", i, err)
		}
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
	s.reach(t, "c", portAt("b", false, 80).String(), testnet.ErrTimeout)
}
