// SPDX-License-Identifier: Apache-2.0

package node

import (
	"net/netip"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/policy"
)

// InForce is what the kernel's rules were made from. Nobody changes it: whoever explains packets
// that these rules judged may keep it.
type InForce struct {
	Policies    *policy.Set
	Attachments []endpoint.Attachment
	// Groups are those that judge the attached endpoints, by ID.
	Groups map[string]compile.Groups
	// LogGroup is the NFLOG group of the rules.
	LogGroup uint16
	// Canary is where the rules refuse packets that prove that refusals are seen.
	Canary netip.AddrPort
}

// InForce is what the kernel holds after a change that succeeded. It is the same pointer until
// something of it has changed.
func (n *Node) InForce() *InForce {
	n.desired()
	if n.inForce == nil || n.inForceOf != n.compiled {
		n.inForce, n.inForceOf = &InForce{Policies: n.set, Attachments: n.Attachments(),
			Groups: n.compiled.groups, LogGroup: n.config.LogGroup,
			Canary: n.config.Canary()}, n.compiled
	}
	return n.inForce
}
