// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Key returns the canonical text of the selector: equal selectors have equal keys, and different
// ones different keys. It reads as a phrase, as in `pods app=web in namespaces team=a`.
func (p *PodSelector) Key() string {
	if p == nil {
		return "no pods"
	}
	if p.Namespace != "" {
		return fmt.Sprintf("pods %s in namespace %q", p.Selector, p.Namespace)
	}
	return fmt.Sprintf("pods %s in namespaces %s", p.Selector, p.NamespaceSelector)
}

// Key returns the canonical text of the block: `cidr 10.0.0.0/8 except 10.1.0.0/16`.
func (c CIDR) Key() string {
	text := "cidr " + c.Prefix.Masked().String()
	if len(c.Except) == 0 {
		return text
	}
	except := slices.Clone(c.Except)
	for i, x := range except {
		except[i] = x.Masked()
	}
	slices.SortFunc(except, netip.Prefix.Compare)
	return text + " except " + join(slices.Compact(except), ",")
}

// Key returns the canonical text of the peer: equal peers have equal keys.
func (p Peer) Key() string {
	switch {
	case p.Pods != nil:
		return p.Pods.Key()
	case p.Segment != "":
		return fmt.Sprintf("segment %q", p.Segment)
	case p.CIDR != nil:
		return p.CIDR.Key()
	case p.Entity != "":
		return fmt.Sprintf("entity %s", p.Entity)
	}
	return "nobody"
}

// Key returns the canonical text of the port: `tcp/80`, `udp/5000-5010`, `tcp`, `icmp/8/0`,
// `tcp/"http"`, or `any/"http"` for a name in whatever protocol it has.
func (p Port) Key() string {
	if p.Named != "" {
		protocol := "any"
		if p.Protocol != 0 {
			protocol = protocolText(p.Protocol)
		}
		return fmt.Sprintf("%s/%q", protocol, p.Named)
	}
	text := protocolText(p.Protocol)
	switch {
	case HasPorts(p.Protocol) && p.First == p.Last:
		return fmt.Sprintf("%s/%d", text, p.First)
	case HasPorts(p.Protocol) && (p.First != 0 || p.Last != 65535):
		return fmt.Sprintf("%s/%d-%d", text, p.First, p.Last)
	case p.Protocol == ProtocolICMP || p.Protocol == ProtocolICMPv6:
		return text + icmpText(p.ICMPType, p.ICMPCode)
	}
	return text
}

func icmpText(kind, code *uint8) string {
	if kind == nil && code == nil {
		return ""
	}
	return "/" + orStar(kind) + "/" + orStar(code)
}

func orStar(n *uint8) string {
	if n == nil {
		return "*"
	}
	return fmt.Sprint(*n)
}

// protocolText names a protocol as policies and tables of results do.
func protocolText(protocol uint8) string {
	switch protocol {
	case ProtocolICMP:
		return "icmp"
	case ProtocolTCP:
		return "tcp"
	case ProtocolUDP:
		return "udp"
	case ProtocolICMPv6:
		return "icmpv6"
	case ProtocolSCTP:
		return "sctp"
	}
	return fmt.Sprintf("protocol %d", protocol)
}

func join[T fmt.Stringer](list []T, separator string) string {
	texts := make([]string, len(list))
	for i, x := range list {
		texts[i] = x.String()
	}
	return strings.Join(texts, separator)
}
