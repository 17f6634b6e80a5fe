// SPDX-License-Identifier: Apache-2.0

package policy

var (
	segmentationSpecFields = []string{"tier", "priority", "mode", "subject", "ingress", "egress"}
	segmentationSubject    = []string{"segment", "pods", "namespaces"}
	segmentationPeers      = []string{"segment", "pods", "namespaces", "cidrs", "entity"}
	segmentationProtocols  = []string{"tcp", "udp", "sctp", "icmp", "icmpv6", "ipProtocol",
		"destinationNamedPort"}
)

func segmentationDialect() dialect {
	return dialect{
		tiers: []Tier{AdminTier, BaselineTier},
		actions: []actionWord{{"Accept", Accept}, {"Deny", Deny}, {"Reject", Reject},
			{"Pass", Pass}},
		subject: segmentationSubject,
		peers:   [2][]string{segmentationPeers, segmentationPeers},
		ports:   "protocols", limit: 100, peerLimit: 50, logs: true,
		port: func(v value) []Port { return v.protocolPort(segmentationProtocols) },
	}
}

func readSegmentationPolicy(d *document, o object) draft {
	_, x := o.metadata(d.kind)
	return segmentationDialect().read(o, x, segmentationSpecFields)
}
