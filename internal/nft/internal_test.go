// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// The user data is byte for byte what nft 1.0.6 sent for the same declarations.
func TestSetUserData(t *testing.T) {
	for _, c := range []struct {
		declaration string
		set         rs.Set
		want        string
	}{
		{"type ifname", rs.Set{Types: []rs.Type{rs.TypeIfname}}, "000401000000"},
		{"type ether_addr", rs.Set{Types: []rs.Type{rs.TypeEther}}, "000402000000"},
		{"type inet_proto", rs.Set{Types: []rs.Type{rs.TypeProto}}, "000400000000"},
		{"type mark", rs.Set{Types: []rs.Type{rs.TypeMark}}, "000401000000"},
		{"type ipv4_addr . ipv4_addr", rs.Set{Types: []rs.Type{rs.TypeIPv4, rs.TypeIPv4}},
			"000400000000" + "030800040d0000000100"},
		{"type inet_service : verdict",
			rs.Set{Types: []rs.Type{rs.TypeService}, Verdicts: true},
			"000402000000" + "010400000000" + "060400000000"},
		{"type ipv4_addr . inet_service : verdict",
			rs.Set{Types: []rs.Type{rs.TypeIPv4, rs.TypeService}, Verdicts: true},
			"000400000000" + "010400000000" + "030800040d0000000100" + "060400000000"},
		{"typeof @th,64,128", rs.Set{Types: []rs.Type{rs.TypeTarget}},
			"000402000000" + "0326000407000000011e00040000000001040000000002040300000003044000" +
				"0000040480000000"},
		{"typeof iifname . @th,64,128", rs.Set{Types: []rs.Type{rs.TypeIfname, rs.TypeTarget}},
			"000400000000" + "034000040d0000000138000e0004090000000106000406000000012600040700" +
				"0000011e000400000000010400000000020403000000030440000000040480000000"},
		{"typeof iifname . ether saddr . @th,64,128",
			rs.Set{Types: []rs.Type{rs.TypeIfname, rs.TypeEther, rs.TypeTarget}},
			"000400000000" + "035600040d000000014e000e0004090000000106000406000000011400040700" +
				"0000010c0004110000000104020000000226000407000000011e00040000000001040000000002" +
				"0403000000030440000000040480000000"},
		{"typeof th dport . @th,64,128", rs.Set{Types: []rs.Type{rs.TypeService, rs.TypeTarget}},
			"000400000000" + "034600040d000000013e0014000407000000010c00040b000000010402000000" +
				"0126000407000000011e0004000000000104000000000204030000000304400000000404800000" +
				"00"},
	} {
		if got := hex.EncodeToString(setUdata(&c.set)); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.declaration, got, c.want)
		}
	}
}

func TestRegisters(t *testing.T) {
	for at, want := range map[int]uint32{
		0: unix.NFT_REG_1, 4: unix.NFT_REG32_01, 16: unix.NFT_REG_2, 24: unix.NFT_REG32_06,
		32: unix.NFT_REG_3, 60: unix.NFT_REG32_15,
	} {
		if got := register(at); got != want {
			t.Errorf("register(%d): got %d, want %d", at, got, want)
		}
	}
}

// No element list comes near the 64 KiB at which its length overflows.
func TestChunks(t *testing.T) {
	set := &rs.Set{Name: "s", Types: []rs.Type{rs.TypeMark}, Verdicts: true}
	op := rs.Op{Kind: rs.AddElements, Set: set}
	chain := string(bytes.Repeat([]byte{'c'}, 255))
	for i := range uint32(2000) {
		op.Elements = append(op.Elements, rs.Element{Key: rs.Mark(i), Comment: chain[:127],
			Verdict: rs.Verdict{Kind: rs.GotoVerdict, Chain: chain}})
	}
	b, err := newBatch([]rs.Op{op})
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, p := range b.msgs {
		n := binary.NativeEndian.Uint32(b.buf[p.at:])
		as, ok := parseAttrs(b.buf[p.at+headerLen : p.at+int(n)])
		if !ok || n > 1<<16 {
			t.Fatalf("message of %d bytes (well formed: %v), want at most 65536", n, ok)
		}
		total += len(findNest(as, unix.NFTA_SET_ELEM_LIST_ELEMENTS))
	}
	if total != len(op.Elements) {
		t.Errorf("got %d elements in %d messages, want %d", total, len(b.msgs), len(op.Elements))
	}
}

// What the kernel sends is never read beyond its end, however it is cut or damaged.
func FuzzParse(f *testing.F) {
	b, err := newBatch([]rs.Op{{Kind: rs.AddTable}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b.buf)
	f.Fuzz(func(t *testing.T, data []byte) {
		ms, _ := parseMessages(data)
		for _, m := range ms {
			m.family()
			_ = m.errorCode()
			for _, as := range [][]attr{m.attrs(), findNest(m.attrs(), 3)} {
				decodeElement(as)
				elementCount(as)
				installedShape(as)
				findComment(find(as, 7))
				sameAttrs("dynset", as, as)
			}
			b.culprit(0, m)
		}
	})
}

func open(t *testing.T) *Kernel {
	t.Helper()
	k, err := Open(Options{NetNS: testnet.NewNamespace(t, "nft").FD()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	return k
}

// An answer that does not fit into the socket is an unknown outcome: the transaction is in
// force although Apply returns an error.
func TestLostAnswerIsUnknownOutcome(t *testing.T) {
	k := open(t)
	if err := k.writer.setOption(unix.SO_RCVBUFFORCE, 1); err != nil {
		t.Fatal(err)
	}
	// Answers that nobody reads fill the socket.
	question := getGeneration(k)
	for range 20 {
		if err := k.writer.send(question); err != nil {
			t.Fatal(err)
		}
	}
	err := k.Apply(context.Background(), []rs.Op{{Kind: rs.AddTable}})
	if !errors.Is(err, ErrUnknownOutcome) {
		t.Errorf("got %v, want ErrUnknownOutcome", err)
	}
	if present, err := k.Present(); !present || err != nil {
		t.Errorf("Present: got %v, %v, want the table", present, err)
	}
	// The next transaction is not confused by what is left.
	if err := k.Apply(context.Background(), []rs.Op{{Kind: rs.DeleteTable}}); err != nil {
		t.Errorf("next transaction: got %v, want nil", err)
	}
}

// getGeneration is a question that the kernel answers at once.
func getGeneration(k *Kernel) []byte {
	b := binary.NativeEndian.AppendUint32(nil, headerLen)
	b = binary.NativeEndian.AppendUint16(b, unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_GETGEN)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST)
	b = binary.NativeEndian.AppendUint32(b, k.writer.seq)
	return append(b, 0, 0, 0, 0, unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, 0)
}

// Notifications that do not fit into the socket are reported as an overrun.
func TestWatchReportsOverrun(t *testing.T) {
	k := open(t)
	s, err := openSocket(k.netns)
	if err != nil {
		t.Fatal(err)
	}
	defer s.conn.Close()
	if err := s.conn.JoinGroup(unix.NFNLGRP_NFTABLES); err != nil {
		t.Fatal(err)
	}
	if err := s.setOption(unix.SO_RCVBUFFORCE, 1); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []rs.OpKind{rs.AddTable, rs.DeleteTable, rs.AddTable} {
		if err := k.Apply(t.Context(), []rs.Op{{Kind: kind}, {Kind: kind, Family: 1}}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	found, out := make(chan Event), make(chan Event)
	go (&watcher{socket: s, own: k.writer.conn.PID(), found: found}).run(ctx)
	go merge(ctx, found, out)
	if e := <-out; !e.Overrun || e.Err != nil {
		t.Errorf("got %+v, want an overrun", e)
	}
	cancel()
}
