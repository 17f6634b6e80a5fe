// SPDX-License-Identifier: Apache-2.0

package ruleset

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
	"reflect"
	"testing"
)

func TestDecodeReadsWhatEncodeWrote(t *testing.T) {
	all := []*Ruleset{{}, sample(), large(100)}
	for seed := range uint64(300) {
		all = append(all, newGenerator(seed).ruleset())
	}
	for i, want := range all {
		got, err := Decode(Encode(want))
		if err != nil {
			t.Fatalf("ruleset %d: %v", i, err)
		}
		if got.String() != want.String() || got.Hash() != want.Hash() || len(Diff(got, want)) > 0 {
			t.Errorf("ruleset %d: got\n%s\nwant\n%s", i, got, want)
		}
	}
	if got, _ := Decode(Encode(sample())); !reflect.DeepEqual(got, sample()) {
		t.Errorf("sample: got %#v, want %#v", got, sample())
	}
}

// One flipped bit anywhere, and any cut, is noticed.
func TestDecodeNoticesDamage(t *testing.T) {
	good := Encode(sample())
	for i := range good {
		bad := append([]byte(nil), good...)
		bad[i] ^= 1 << (i % 8)
		if _, err := Decode(bad); err == nil {
			t.Errorf("byte %d flipped: got no error", i)
		}
		if _, err := Decode(good[:i]); err == nil {
			t.Errorf("cut at %d: got no error", i)
		}
	}
	if _, err := Decode(append(good, 0)); err == nil {
		t.Error("a byte more: got no error")
	}
}

func TestDecodeRefusesInvalid(t *testing.T) {
	r := sample()
	r.Tables[0].Chains[0].Rules[0].Statements[0] = jump("nowhere")
	if _, err := Decode(Encode(r)); err == nil {
		t.Error("got no error for a jump to nowhere")
	}
}

func TestHash(t *testing.T) {
	seen := make(map[string]string)
	for seed := range uint64(500) {
		r := newGenerator(seed).ruleset()
		if text, ok := seen[r.Hash()]; ok && text != r.String() {
			t.Fatalf("seed %d: another ruleset has hash %s", seed, r.Hash())
		}
		seen[r.Hash()] = r.String()
	}
	if len(seen) < 490 {
		t.Errorf("got %d hashes of 500 random rulesets, want 490 at least", len(seen))
	}
	r := sample()
	before := r.Hash()
	r.Tables[0].Sets[0].Elements[0].Comment = "x"
	if r.Hash() == before {
		t.Error("a comment changed, but the hash did not")
	}
}

// sealed is content with the header and checksum that Decode wants.
func sealed(content []byte) []byte {
	b := append([]byte(header), content...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// FuzzDecode feeds damaged content behind a checksum that is right, so that the fuzzer gets
// past it. What Decode takes must print, compare and encode to the same again.
func FuzzDecode(f *testing.F) {
	for _, r := range []*Ruleset{{}, sample(), newGenerator(1).ruleset()} {
		b := Encode(r)
		f.Add(b[len(header) : len(b)-crc32.Size])
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if _, err := Decode(content); err == nil {
			t.Fatal("took bytes without a checksum")
		}
		r, err := Decode(sealed(content))
		if err != nil {
			return
		}
		again, err := Decode(Encode(r))
		if err != nil {
			t.Fatalf("second decode: %v", err)
		}
		if again.String() != r.String() || again.Hash() != r.Hash() {
			t.Errorf("got\n%s\nwant\n%s", again, r)
		}
		if _, err := Applied(nil, Diff(nil, r)); err != nil {
			t.Errorf("applied: %v", err)
		}
	})
}

// large has n elements in a set of pairs.
func large(n int) *Ruleset {
	s := Set{Name: "bind", Types: []Type{TypeIfname, TypeIPv4}}
	for i := range n {
		a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		s.Elements = append(s.Elements, Element{Key: Join(Ifname("veth0123456789"), Addr(a))})
	}
	return &Ruleset{Tables: []Table{{Family: IP, Sets: []Set{s}}}}
}

func BenchmarkEncode(b *testing.B) {
	r := large(10000)
	for b.Loop() {
		b.SetBytes(int64(len(Encode(r))))
	}
}

func BenchmarkDecode(b *testing.B) {
	data := Encode(large(10000))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHash(b *testing.B) {
	r := large(10000)
	for b.Loop() {
		r.Hash()
	}
}

// One element of ten thousand changes.
func BenchmarkDiff(b *testing.B) {
	old, new := large(10000), large(10000)
	new.Tables[0].Sets[0].Elements[5000].Comment = "x"
	for b.Loop() {
		if ops := Diff(old, new); len(ops) != 2 {
			b.Fatalf("got %d operations, want 2", len(ops))
		}
	}
}
