// SPDX-License-Identifier: Apache-2.0

package ruleset

import "strings"

// keywords are the words of nft 1.0.6 that its scanner never reads as a name: those known
// everywhere, and those known behind the expressions that our rules use, where a name follows.
var keywords = words(`
eq ne le lt ge gt lshift rshift xor and or not vmap include define redefine undefine describe
hook device devices table tables chain chains rule rules set sets element map maps flowtable
flowtables handle ruleset trace socket transparent wildcard cgroupv2 level tproxy accept drop
continue jump goto return to inet netdev add replace update create insert delete get list reset
flush rename import export monitor destroy position index comment constant interval dynamic
auto-merge timeout gc-interval elements expires policy size performance memory flow offload meter
meters limits secmarks synproxys hooks counter name packets bytes last never counters quotas log
prefix snaplen queue-threshold group queue num bypass fanout limit rate burst second minute week
over quota until used hour day reject with icmpx snat dnat masquerade redirect random fully-random
persistent ll nh th bridge ether saddr daddr type typeof vlan id cfi dei pcp arp htype ptype hlen
plen operation ip version hdrlength dscp ecn length frag-off ttl protocol checksum lsrr rr ssrr ra
ptr value option options ackseq doff window urgptr echo eol maxseg mss nop noop sack sack0 sack1
sack2 sack3 sack-permitted sack-perm timestamp fastopen mptcp md5sig kind left right count tsval
tsecr subtype time icmp icmpv6 gateway code param-problem max-delay mtu taddr sequence igmp mrt ip6
priority flowlabel hoplimit nexthdr ah reserved spi esp comp cpi flags udp udplite csumcov sport
dport vxlan vni geneve gre gretap tcp dccp sctp chunk vtag rt rt0 rt2 rt4 srh addr hbh frag
reserved2 more-fragments dst mh meta mark iif iifname iiftype oif oifname oiftype skuid skgid
nftrace rtclassid ibriport ibrname obriport obrname pkttype cpu iifgroup oifgroup cgroup classid
nexthop ct avgpkt l3proto proto-src proto-dst zone original reply direction event expectation
expiration helper helpers label state status numgen inc jhash symhash seed mod offset dup fwd fib
check osf synproxy wscale tunnel notrack all xml json vm exists missing exthdr ipsec secmark
secmarks xt`)

func words(list string) map[string]bool {
	m := make(map[string]bool)
	for _, w := range strings.Fields(list) {
		m[w] = true
	}
	return m
}
