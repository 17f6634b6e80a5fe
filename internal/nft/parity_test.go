// SPDX-License-Identifier: Apache-2.0

package nft_test

import (
	"slices"
	"testing"
)

// What Apply installs and what nft makes of the same ruleset's text list alike, and the
// listing, loaded again, lists the same.
func TestApplyListsAsItsText(t *testing.T) {
	ours, theirs, again := newHost(t), newHost(t), newHost(t)
	r := sample()
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	ours.install(t, r)
	theirs.nft(t, r.String())
	got, want := sorted(ours.list(t)), sorted(theirs.list(t))
	if got != want {
		t.Fatalf("listing differs:\n%s", differences(got, want))
	}
	again.nft(t, ours.list(t))
	if got := sorted(again.list(t)); got != want {
		t.Errorf("listing loaded again differs:\n%s", differences(got, want))
	}
}

// Verify takes what nft loads from the text for what Apply would have installed: the kernel
// holds the same expressions, not only the same listing. One rule is known to differ: nft
// loads two neighbouring ports with one expression, and lists them as two.
func TestVerifyAcceptsWhatNftLoads(t *testing.T) {
	r := sample()
	cases := []struct {
		name    string
		install func(h host)
		want    []string
	}{
		{"apply", func(h host) { h.install(t, r) }, nil},
		{"nft -f", func(h host) { h.nft(t, r.String()) },
			[]string{"different: ip rule 12 of chain slow"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := newHost(t)
			c.install(h)
			if got := h.drift(t, r); !slices.Equal(got, c.want) {
				t.Errorf("got drift %q, want %q", got, c.want)
			}
		})
	}
}
