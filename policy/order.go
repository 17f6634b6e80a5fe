// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"slices"
)

// tiers is the order in which the tiers are asked.
var tiers = []Tier{AdminTier, NetworkPolicyTier, BaselineTier}

// SortPolicies puts policies into the order of evaluation: tier, priority, kind, namespace, name.
// Nothing else has a say, neither the file a document came from nor its age, so that two nodes
// with the same documents decide alike.
func SortPolicies(policies []*Policy) {
	slices.SortStableFunc(policies, func(a, b *Policy) int {
		return cmp.Or(
			cmp.Compare(slices.Index(tiers, a.Tier), slices.Index(tiers, b.Tier)),
			cmp.Compare(a.Priority, b.Priority),
			cmp.Compare(a.Ref.Kind, b.Ref.Kind),
			cmp.Compare(a.Ref.Namespace, b.Ref.Namespace),
			cmp.Compare(a.Ref.Name, b.Ref.Name),
		)
	})
}
