// SPDX-License-Identifier: Apache-2.0

package policyversions

import (
	"errors"
	"testing"

	"github.com/bulkhead-net/bulkhead/policy"
)

// FuzzDecode gives decode a text under its own hash, as somebody would who can write files: it
// must not panic, and what it takes is a set that has the hash.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{"", "kind: NetworkPolicy\n", `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec: {podSelector: {}}
`} {
		data, err := encode(policy.Load([]policy.File{{Name: "a", Data: []byte(text)}}, nil))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"format":2,"documents":[]}`))
	f.Add([]byte(`{"format":1,"documents":[{"ref":{"kind":"Segment"},"raw":"YTog"}],"more":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := decode(data, hashOf(data))
		if (set == nil) == (err == nil) {
			t.Fatalf("got %v, %v, want one of them", set, err)
		}
		if _, werr := decode(data, hashOf(append(data, 'x'))); !errors.Is(werr, ErrCorrupt) {
			t.Errorf("under another hash: got %v, want ErrCorrupt", werr)
		}
		if err != nil {
			return
		}
		again, err := encode(set)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decode(again, hashOf(again)); err != nil {
			t.Errorf("encoded again: got %v, want nil", err)
		}
	})
}
