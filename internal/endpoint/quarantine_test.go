// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/policy"
)

// cutOff is a sample in quarantine, with the blocks that are let in.
func cutOff(blocks ...string) Attachment {
	a := sample("a")
	a.Endpoint.Quarantine = &policy.Quarantine{}
	for _, b := range blocks {
		a.Endpoint.Quarantine.AllowFrom = append(a.Endpoint.Quarantine.AllowFrom,
			netip.MustParsePrefix(b))
	}
	a.QuarantineReason = QuarantineRequested
	a.QuarantinedSince = time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC)
	return a
}

func TestQuarantineIsKept(t *testing.T) {
	bare := cutOff()
	bare.QuarantineReason, bare.QuarantinedSince = "", time.Time{}
	some := cutOff("0.0.0.0/0", "192.0.2.9/32", "fd00:1::/64")
	for _, a := range []Attachment{cutOff(), some, bare} {
		dir := t.TempDir()
		put(t, open(t, dir), a)
		want(t, open(t, dir), a)
	}
}

func TestImpossibleQuarantineIsNotWritten(t *testing.T) {
	many := cutOff()
	for i := range maxAllowFrom + 1 {
		many.Endpoint.Quarantine.AllowFrom = append(many.Endpoint.Quarantine.AllowFrom,
			netip.MustParsePrefix(fmt.Sprintf("10.0.%d.%d/32", i/256, i%256)))
	}
	none := cutOff()
	none.Endpoint.Quarantine = nil
	invalid := cutOff()
	invalid.Endpoint.Quarantine.AllowFrom = []netip.Prefix{{}}
	reason := func(text string) Attachment {
		a := cutOff()
		a.QuarantineReason = text
		return a
	}
	for name, a := range map[string]Attachment{
		"host bits":                cutOff("10.0.0.1/8"),
		"IPv4 in IPv6":             cutOff("::ffff:10.0.0.0/104"),
		"no block":                 invalid,
		"not sorted":               cutOff("192.0.2.0/24", "10.0.0.0/8"),
		"twice":                    cutOff("10.0.0.0/8", "10.0.0.0/8"),
		"too many":                 many,
		"reason without":           none,
		"reason for a terminal":    reason("\x1b[2J"),
		"reason with two lines":    reason("a\nb"),
		"reason that is no text":   reason("\xff"),
		"reason that is a chapter": reason(strings.Repeat("a", maxQuarantineReason+1)),
	} {
		r := open(t, t.TempDir())
		if err := r.Put(a); err == nil {
			t.Errorf("%s: got no error", name)
		}
		want(t, r)
	}
}

// A quarantine that somebody has misspelt is not half of one: its endpoint is not attached.
func TestCorruptQuarantineIsSetAside(t *testing.T) {
	r := open(t, t.TempDir())
	put(t, r, cutOff("10.0.0.0/8"))
	path := filepath.Join(r.dir, fileName("a/eth0"))
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := strings.Replace(string(text), "10.0.0.0/8", "10.1.0.0/8", 1)
	if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	got, corrupt, err := r.All()
	if err != nil || len(got) != 0 || len(corrupt) != 1 {
		t.Errorf("got %+v, %v, %v, want one set aside", got, corrupt, err)
	}
}

func TestCanonicalBlocks(t *testing.T) {
	given := cutOff("fd00::/8", "10.0.0.0/8", "192.0.2.9/32", "10.0.0.0/8").Endpoint.Quarantine
	want := cutOff("10.0.0.0/8", "192.0.2.9/32", "fd00::/8").Endpoint.Quarantine
	if got := CanonicalBlocks(given.AllowFrom); !slices.Equal(got, want.AllowFrom) {
		t.Errorf("got %v, want %v", got, want.AllowFrom)
	}
}
