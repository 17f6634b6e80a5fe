// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"errors"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/policy"
)

func flowKey(client string, port uint16) flow.FlowKey {
	return flow.FlowKey{Direction: policy.Ingress, Client: netip.MustParseAddr(client),
		Server: netip.MustParseAddr(client).Next(), Proto: policy.ProtocolTCP, Port: port}
}

// What was saved is found again, and what is damaged anywhere is not believed.
func TestSavedState(t *testing.T) {
	ledger := flow.NewLedger()
	ledger.Observe(map[flow.Counter]uint64{{Family: "ip", Word: "spoof"}: 7})
	at := time.UnixMilli(1700000000123).UTC()
	want := saved{Format: savedFormat, Boot: "b", Agent: "a", Sequence: 9, Saved: at, Since: at,
		Tables: map[string]uint64{"ip": 3}, Ledger: ledger.State(),
		until: map[flow.FlowKey]time.Time{}}
	want.Ledger.Forgotten = nil
	for i, client := range []string{"10.0.0.1", "fd00::1"} {
		k := flowKey(client, uint16(i))
		want.elements = append(want.elements, flow.Element{Flow: k, Packets: 1 << 40, Bytes: 2})
		want.until[k] = time.UnixMilli(1700000000456)
	}
	data, err := want.encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeSaved(data)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	for i := range data {
		damaged := append([]byte{}, data...)
		damaged[i] ^= 1
		if _, err := decodeSaved(damaged); !errors.Is(err, errSaved) {
			t.Fatalf("byte %d is wrong: got %v, want %v", i, err, errSaved)
		}
		if _, err := decodeSaved(data[:i]); !errors.Is(err, errSaved) {
			t.Fatalf("cut at %d: got %v, want %v", i, err, errSaved)
		}
	}
}
