// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"math/rand/v2"
	"testing"
)

func TestSortPolicies(t *testing.T) {
	all := podsOf("", "")
	want := []*Policy{
		cluster("z", AdminTier, 5, all),
		cluster("b", AdminTier, 10, all),
		cluster("c", AdminTier, 10, all),
		segmentation("a", AdminTier, 10, all),
		segmentation("a", AdminTier, 11, all),
		netpol("pay/z", ""),
		netpol("shop/a", ""),
		netpol("shop/b", ""),
		cluster("a", BaselineTier, 0, all),
		segmentation("a", BaselineTier, IsolationPriority, all),
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		got := append([]*Policy(nil), want...)
		random.Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
		SortPolicies(got)
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("place %d: got %s %s want %s %s", i, got[i].Tier, got[i].Ref,
					want[i].Tier, want[i].Ref)
			}
		}
	}
}
