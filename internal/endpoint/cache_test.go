// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/policy"
)

// whole is an attachment without an empty field: a field that the cache forgets is noticed.
func whole(t testing.TB, id string) Attachment {
	t.Helper()
	a := sample(id)
	a.Isolated = true
	a.Endpoint.Quarantine = &policy.Quarantine{AllowFrom: []netip.Prefix{
		netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("fd00::/8")}}
	a.QuarantineReason, a.QuarantinedSince = QuarantineRequested, a.Created
	for _, v := range []reflect.Value{reflect.ValueOf(a), reflect.ValueOf(a.Endpoint)} {
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Fatalf("the sample has no %s, so that nothing is said about it",
					v.Type().Field(i).Name)
			}
		}
	}
	return a
}

// age makes all files of the registry old enough to be cached.
func (r *Registry) age(t testing.TB) {
	t.Helper()
	time.Sleep(settled + 20*time.Millisecond) // the time of change cannot be set
}

func TestCache(t *testing.T) {
	r := open(t, t.TempDir())
	var all []Attachment
	for i := range 20 {
		all = append(all, whole(t, fmt.Sprintf("c%02d", i)))
	}
	put(t, r, all...)
	r.age(t)
	want(t, r, all...)
	known := r.readCache()
	if len(known) != len(all) {
		t.Fatalf("cache: got %d entries, want %d", len(known), len(all))
	}
	want(t, r, all...) // by way of the cache

	// Whatever happens to a file is noticed: written by us, by hand, replaced, gone, a link.
	all[0].Bridge = "br9"
	put(t, r, all[0])
	want(t, r, all...)
	if err := r.Delete(all[1].Endpoint.ID); err != nil {
		t.Fatal(err)
	}
	all = append(all[:1], all[2:]...)
	want(t, r, all...)
	spoilt := filepath.Join(r.dir, fileName(all[1].Endpoint.ID))
	text, err := os.ReadFile(spoilt)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func() error{
		"same size": func() error {
			text[0] ^= 1 // no attachment any more, of the same length
			return os.WriteFile(spoilt, text, 0o600)
		},
		"link": func() error {
			return os.Symlink(filepath.Join(r.dir, fileName(all[2].Endpoint.ID)), spoilt)
		},
		"directory": func() error { return os.Mkdir(spoilt, 0o700) },
	} {
		_ = os.Remove(spoilt)
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		got, corrupt, err := r.All()
		if err != nil || len(corrupt) != 1 || len(got) != len(all)-1 {
			t.Errorf("%s: got %d attachments, %v, %v, want one set aside", name, len(got), corrupt, err)
		}
	}
}

// TestCacheIsNotBelieved: what is no whole cache is none, and the files are read.
func TestCacheIsNotBelieved(t *testing.T) {
	r := open(t, t.TempDir())
	var all []Attachment
	for i := range 20 {
		all = append(all, whole(t, fmt.Sprintf("c%02d", i)))
	}
	put(t, r, all...)
	r.age(t)
	want(t, r, all...)
	path := filepath.Join(r.dir, cacheName)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipped := append([]byte{}, text...)
	flipped[len(text)/2] ^= 0x10
	for name, bad := range map[string][]byte{"empty": {}, "half": text[:len(text)/2],
		"flipped": flipped, "more": append(append([]byte{}, text...), text...)} {
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if known := r.readCache(); known != nil {
			t.Errorf("%s: got a cache of %d", name, len(known))
		}
		want(t, r, all...)
		if len(r.readCache()) != len(all) {
			t.Errorf("%s: the cache was not written again", name)
		}
	}
	want(t, OpenReadOnly(filepath.Dir(r.dir)), all...)
}

// FuzzDecodeCache: bytes are a cache of valid attachments under their own names, or an error.
func FuzzDecodeCache(f *testing.F) {
	one := whole(f, "a")
	f.Add(cache{fileName(one.Endpoint.ID): {signature{1, 2, 3}, one}}.encode())
	f.Add([]byte(cacheHeader + "xxxx"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := decodeCache(b)
		if err != nil {
			return
		}
		again, err := decodeCache(c.encode())
		if err != nil || !reflect.DeepEqual(c, again) {
			t.Errorf("decoded and encoded: got %v, another cache", err)
		}
		for name, entry := range c {
			if name != fileName(entry.Endpoint.ID) || entry.Validate() != nil {
				t.Errorf("entry %s: got %+v", name, entry)
			}
		}
	})
}
