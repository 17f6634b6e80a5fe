// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// kind is one of the four questions that are asked about an endpoint. Its name is the name of
// the dispatch map and the beginning of the names of its group chains.
type kind uint8

const (
	egress   kind = iota // what the endpoint sends to endpoints and the world
	ingress              // what endpoints and the world send to it
	toHost               // what it sends to the own node
	fromHost             // what the own node sends to it
	kindCount
)

var kindNames = [kindCount]string{"egress", "ingress", "to-host", "from-host"}

func (k kind) String() string { return kindNames[k] }

func (k kind) direction() policy.Direction {
	if k == egress || k == toHost {
		return policy.Egress
	}
	return policy.Ingress
}

func (k kind) host() bool { return k == toHost || k == fromHost }

// open is the set of endpoints that no policy concerns in this question. It is a set of its
// own, not the absence of a map element: an element that somebody deletes closes.
func (k kind) open() string { return "open-" + k.String() }

// peer is the conntrack field that holds the peer's address: from the tuple, so that a reply
// of an old flow gets the same answer as the flow's first packet.
func (k kind) peer() ruleset.Field {
	if k == egress || k == toHost {
		return ruleset.CTReplySaddr
	}
	return ruleset.CTOrigSaddr
}

// judged is the conntrack field that holds the address of the endpoint that is asked about.
func (k kind) judged() ruleset.Field {
	if k == egress || k == toHost {
		return ruleset.CTOrigSaddr
	}
	return ruleset.CTReplySaddr
}

// next is where an accepted packet goes on. Only the last stages accept: what falls out of a map
// (quarantine) and what a policy lets through never reach the same next rule.
func (k kind) next() string {
	switch {
	case k == egress:
		return "ingress-stage"
	case k.host():
		return "done-host"
	}
	return "done"
}
