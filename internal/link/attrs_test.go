// SPDX-License-Identifier: Apache-2.0

package link

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

func native32(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

// TestMasterKinds covers masters that not every kernel can make.
func TestMasterKinds(t *testing.T) {
	cases := []struct {
		master uint32
		kind   string
		refuse bool
	}{
		{0, "", false}, {5, "bridge", false},
		{5, "openvswitch", true}, {5, "bond", true}, {5, "vrf", true}, {5, "", true},
	}
	for _, x := range cases {
		message := append(linkHeader(0, 9), attribute(unix.IFLA_IFNAME, []byte("veth9\x00"))...)
		message = append(message, attribute(unix.IFLA_MASTER, native32(x.master))...)
		message = append(message, attribute(unix.IFLA_LINKINFO|unix.NLA_F_NESTED,
			attribute(unix.IFLA_INFO_KIND, []byte("veth\x00")),
			attribute(unix.IFLA_INFO_SLAVE_KIND, []byte(x.kind+"\x00")))...)
		a, ok := parseLink(message)
		if !ok || a.name != "veth9" || a.index != 9 || a.kind != "veth" || a.peerNS != noNetNS {
			t.Fatalf("parse: got %+v, %t", a, ok)
		}
		err := enforceableMaster("eth0", a)
		if errors.Is(err, ErrUnenforceable) != x.refuse {
			t.Errorf("master %d of kind %q: got %v, want refusal %t", x.master, x.kind, err, x.refuse)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(append(linkHeader(0, 1), attribute(unix.IFLA_IFNAME, []byte("lo\x00"))...))
	f.Add(append(nfHeader(2), attribute(ctaTupleOrig, attribute(ctaTupleIP,
		attribute(ctaV4Src, []byte{1, 2, 3, 4})))...))
	f.Add([]byte{2, 0, 0, 0, 3, 0, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		parseLink(b)
		parseAddress(b)
		e, ok := parseEntry(b)
		if ok && len(e.orig)+4 > len(b) {
			t.Errorf("tuple: got %d bytes out of %d", len(e.orig), len(b))
		}
		e.involves(map[netip.Addr]bool{})
	})
}
