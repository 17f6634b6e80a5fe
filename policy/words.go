// SPDX-License-Identifier: Apache-2.0

package policy

// Direction is always as seen from the subject of a policy.
type Direction uint8

// The two directions. Egress is judged before ingress.
const (
	Egress Direction = iota
	Ingress
)

// String returns "egress" or "ingress".
func (d Direction) String() string {
	if d == Egress {
		return "egress"
	}
	return "ingress"
}

// Action is what a rule says.
type Action string

// The actions. Pass leaves the rule's tier and asks the next one.
const (
	Accept Action = "Accept"
	Deny   Action = "Deny"
	Reject Action = "Reject"
	Pass   Action = "Pass"
)

// Tier is the coarse precedence of a policy: Admin, then NetworkPolicy, then Baseline.
type Tier string

// The tiers in the order in which they are asked.
const (
	AdminTier         Tier = "Admin"
	NetworkPolicyTier Tier = "NetworkPolicy"
	BaselineTier      Tier = "Baseline"
)

// Mode says whether a policy is in force.
type Mode string

// The modes. An Audit policy decides nothing; its rules count as absent, and what it alone would
// have refused is told (Decision.WouldDeny).
const (
	Enforce Mode = "Enforce"
	Audit   Mode = "Audit"
)

// LogMode says which decisions of a rule leave a record. With LogAll an Accept leaves one too, for
// each new connection.
type LogMode string

// The log modes; LogDenied is the default.
const (
	LogDenied LogMode = "Denied"
	LogAll    LogMode = "All"
	LogNone   LogMode = "None"
)

// Entity names a party that no selector can name.
type Entity string

// The entities. Host is the own node, Endpoints every endpoint of ours on any node, World
// every address that is neither.
const (
	EntityHost      Entity = "Host"
	EntityEndpoints Entity = "Endpoints"
	EntityWorld     Entity = "World"
)

// The kinds a Ref can name.
const (
	KindNetworkPolicy              = "NetworkPolicy"
	KindClusterNetworkPolicy       = "ClusterNetworkPolicy"
	KindAdminNetworkPolicy         = "AdminNetworkPolicy"
	KindBaselineAdminNetworkPolicy = "BaselineAdminNetworkPolicy"
	KindSegmentationPolicy         = "SegmentationPolicy"
	KindSegment                    = "Segment"
	KindNamespace                  = "Namespace"
)
