// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	v1 "github.com/bulkhead-net/bulkhead/internal/wire/bulkhead/v1"
	"github.com/bulkhead-net/bulkhead/policy"
)

// fill makes up a value. Every field of every struct gets one, so that a field that comes new to
// a record and does not travel is found.
func fill(r *rand.Rand, v reflect.Value, full bool) {
	if special(r, v, full) {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(r, v.Field(i), full)
		}
	case reflect.Pointer:
		if full || r.IntN(2) == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(r, v.Elem(), full)
		}
	case reflect.Slice:
		for range size(r, full) {
			element := reflect.New(v.Type().Elem()).Elem()
			fill(r, element, full)
			v.Set(reflect.Append(v, element))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range size(r, full) {
			v.SetMapIndex(reflect.ValueOf(letters(r, full)), reflect.ValueOf(letters(r, full)))
		}
		if v.Len() == 0 {
			v.SetZero()
		}
	case reflect.String:
		v.SetString(letters(r, full))
	case reflect.Bool:
		v.SetBool(full || r.IntN(2) == 0)
	case reflect.Int:
		v.SetInt(int64(size(r, full)) - r.Int64N(2)*r.Int64())
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(r.Uint64()>>(64-v.Type().Bits()) | uint64(size(r, full)))
	default:
		panic("no values of " + v.Type().String())
	}
}

func special(r *rand.Rand, v reflect.Value, full bool) bool {
	var value any
	switch v.Interface().(type) {
	case flow.Kind:
		value = pick(r, flow.Denied, flow.WouldDeny, flow.Allowed, flow.LossReport)
	case flow.Action:
		value = pick(r, flow.Drop, flow.Reject, flow.Pass)
	case flow.Source:
		value = pick(r, flow.FromKernel, flow.FromSamples)
	case policy.Direction:
		value = pick(r, policy.Egress, policy.Ingress)
	case time.Time:
		value = time.Unix(r.Int64N(1<<33), r.Int64N(1e9)).UTC()
	case netip.Addr:
		value = address(r)
	case netip.Prefix:
		a := address(r)
		value = netip.PrefixFrom(a, r.IntN(a.BitLen()+1))
	default:
		return false
	}
	if _, word := value.(policy.Direction); full || word || r.IntN(8) > 0 ||
		v.Type() == reflect.TypeFor[flow.Kind]() {
		v.Set(reflect.ValueOf(value))
	}
	return true
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func size(r *rand.Rand, full bool) int {
	if full {
		return 1 + r.IntN(3)
	}
	return r.IntN(4)
}

func letters(r *rand.Rand, full bool) string {
	return strings.Repeat(pick(r, "a", "-", "é", "\x00", "%s", "\n"), size(r, full))
}

func address(r *rand.Rand) netip.Addr {
	var b [16]byte
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	mapped := netip.AddrFrom16(netip.AddrFrom4([4]byte(b[:4])).As16())
	return pick(r, netip.AddrFrom16(b), netip.AddrFrom4([4]byte(b[:4])), mapped,
		netip.IPv4Unspecified(), netip.IPv6Unspecified())
}

func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 5000 {
		var want flow.Record
		fill(r, reflect.ValueOf(&want).Elem(), i%2 == 0)
		b, err := Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Unmarshal(b)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, %v, want %+v", got, err, want)
		}
	}
}

func valid() flow.Record { return flow.Record{ID: "1", Kind: flow.Denied} }

func TestMarshalRefuses(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*flow.Record)
		want   string
	}{
		{"no kind", func(r *flow.Record) { r.Kind = "" }, "kind:"},
		{"another kind", func(r *flow.Record) { r.Kind = "new" }, "kind: new"},
		{"action", func(r *flow.Record) { r.Action = "new" }, "action: new"},
		{"source", func(r *flow.Record) { r.Source = "new" }, "source: new"},
		{"direction", func(r *flow.Record) { r.Direction = 7 }, "direction:"},
		{"zone", func(r *flow.Record) { r.Client.Addr = netip.MustParseAddr("fe80::1%eth0") },
			"client.addr: fe80::1%eth0 has a zone"},
		{"prefix", func(r *flow.Record) {
			r.Server.Prefix = netip.PrefixFrom(netip.IPv4Unspecified(), 33)
		}, "server.prefix:"},
		{"time", func(r *flow.Record) { r.End = time.Unix(1<<40, 0) }, "end:"},
		{"size", func(r *flow.Record) { r.Why = strings.Repeat("x", MaxSize) }, "more than"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := valid()
			if _, err := Marshal(r); err != nil {
				t.Fatalf("unchanged: got %v, want none", err)
			}
			tc.change(&r)
			b, err := Marshal(r)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %d bytes, %v, want an error with %q", len(b), err, tc.want)
			}
		})
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*v1.Record)
		want   string
	}{
		{"no kind", func(m *v1.Record) { m.Kind = 0 }, "kind: KIND_UNSPECIFIED"},
		{"kind", func(m *v1.Record) { m.Kind = 9 }, "kind: 9"},
		{"action", func(m *v1.Record) { m.Action = 9 }, "action: 9"},
		{"source", func(m *v1.Record) { m.Source = -1 }, "source: -1"},
		{"no direction", func(m *v1.Record) { m.Direction = 0 }, "direction: DIRECTION_UNSP"},
		{"rule's direction", func(m *v1.Record) { m.Rule = &v1.RuleRef{} }, "rule.direction:"},
		{"audited's direction", func(m *v1.Record) { m.WouldDeny = []*v1.Audited{{}} },
			"would_deny.direction:"},
		{"short address", func(m *v1.Record) { m.Client.Addr = []byte{1, 2, 3} },
			"client.addr: an address of 3 bytes"},
		{"long address", func(m *v1.Record) { m.Server.Addr = make([]byte, 17) }, "server.addr:"},
		{"prefix of nothing", func(m *v1.Record) { m.Client.Prefix = &v1.Prefix{} },
			"client.prefix: an address of 0 bytes"},
		{"long prefix", func(m *v1.Record) {
			m.Client.Prefix = &v1.Prefix{Addr: make([]byte, 4), Bits: 33}
		}, "client.prefix: 33 bits"},
		{"port", func(m *v1.Record) { m.Port = 65536 }, "port: 65536"},
		{"client's port", func(m *v1.Record) { m.Client.Port = 65536 }, "client.port: 65536"},
		{"protocol", func(m *v1.Record) { m.Proto = 256 }, "proto: 256"},
		{"time", func(m *v1.Record) { m.Start = &timestamppb.Timestamp{Nanos: -1} }, "start:"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, err := toMessage(valid())
			if err != nil {
				t.Fatal(err)
			}
			tc.change(m)
			b, err := proto.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			if r, err := Unmarshal(b); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %+v, %v, want an error with %q", r, err, tc.want)
			}
		})
	}
	if _, err := Unmarshal(make([]byte, MaxSize+1)); err == nil ||
		!strings.Contains(err.Error(), "more than") {
		t.Errorf("too long: got %v, want a refusal", err)
	}
}

// TestNewerSender: fields that are not known here are passed over, words and schemas are shown.
func TestNewerSender(t *testing.T) {
	want := valid()
	want.Schema, want.Reason = 7, "newest"
	b, err := Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	b = protowire.AppendTag(b, 5000, protowire.BytesType)
	b = protowire.AppendString(b, "news")
	got, err := Unmarshal(b)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestTextOfKernelNames(t *testing.T) {
	r := valid()
	r.Client.Device = "eth\xff0"
	b, err := Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Unmarshal(b); err != nil || got.Client.Device != "eth\uFFFD0" {
		t.Errorf("got %q, %v, want the byte replaced", got.Client.Device, err)
	}
}

// FuzzUnmarshal: whatever is accepted travels on, and comes back the same.
func FuzzUnmarshal(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 8 {
		var record flow.Record
		fill(r, reflect.ValueOf(&record).Elem(), i%2 == 0)
		b, err := Marshal(record)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		first, err := Unmarshal(b)
		if err != nil {
			return
		}
		again, err := Marshal(first)
		if err != nil {
			t.Fatalf("%+v: %v", first, err)
		}
		if second, err := Unmarshal(again); err != nil || !reflect.DeepEqual(first, second) {
			t.Errorf("got %+v, %v, want %+v", second, err, first)
		}
	})
}

func BenchmarkMarshal(b *testing.B) {
	var record flow.Record
	fill(rand.New(rand.NewPCG(5, 6)), reflect.ValueOf(&record).Elem(), true)
	for b.Loop() {
		if _, err := Marshal(record); err != nil {
			b.Fatal(err)
		}
	}
}
