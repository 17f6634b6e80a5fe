// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"net/netip"
	"testing"
	"time"
)

// services translates two Service addresses, one to web and one to db, and hides containers
// behind the node where they leave it, and where a Service leads back to its client.
const services = `
table ip nat {
	chain prerouting { type nat hook prerouting priority dstnat;
		ip daddr 10.96.0.1 dnat to 10.1.0.10
		ip daddr 10.96.0.2 dnat to 10.1.0.12
	}
	chain postrouting { type nat hook postrouting priority srcnat;
		ip saddr 10.1.0.10 ip daddr 10.1.0.10 masquerade
		ip saddr 10.0.0.0/8 oifname "eth0" masquerade
	}
}
table ip6 nat {
	chain prerouting { type nat hook prerouting priority dstnat;
		ip6 daddr fd96::1 dnat to fd00:1::10
		ip6 daddr fd96::2 dnat to fd00:1::12
	}
	chain postrouting { type nat hook postrouting priority srcnat;
		ip6 saddr fd00:1::10 ip6 daddr fd00:1::10 masquerade
		ip6 saddr fd00::/8 oifname "eth0" masquerade
	}
}`

var serviceAddresses = map[string][2]string{
	"shop/web": {"10.96.0.1", "fd96::1"}, "shop/db": {"10.96.0.2", "fd96::2"},
}

// throughService sends the probe to the Service address of its destination.
func (n *node) throughService(p probe, timeout time.Duration) error {
	addresses := serviceAddresses[p.To.Endpoint.String()]
	to := addresses[0]
	if p.To.Addr.Is6() {
		to = addresses[1]
	}
	from := netip.AddrPortFrom(p.From.Addr, localPort())
	c, err := n.namespaceOf(p.From).Open(portWords[p.Protocol], from.String(),
		netip.AddrPortFrom(netip.MustParseAddr(to), p.Port).String(), timeout)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Echo(timeout)
}

const translatedDocuments = `
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: self}
spec:
  tier: Admin
  priority: 10
  subject: {pods: {podSelector: {matchLabels: {app: web}}}}
  ingress:
  - action: Deny
    from: [{pods: {podSelector: {matchLabels: {app: web}}}}]
    protocols: [{tcp: {destinationPort: {number: 443}}}, {udp: {}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{from: [{podSelector: {matchLabels: {app: api}}}]}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: out, namespace: pay}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress: [{to: [{ipBlock: {cidr: 192.0.2.0/24}}, {ipBlock: {cidr: "2001:db8::/64"}}]}]
---
` + namespaceDocuments

// Policies see containers, not what addresses are translated to: a Service is the endpoint
// behind it, a masqueraded source the container itself.
func TestTranslated(t *testing.T) {
	for _, attached := range []string{"bridge", "ptp"} {
		n := newClauseNode(t, attached, false)
		n.Nft(t, services)
		if attached == "bridge" {
			// br_netfilter translates inside the bridge: back to its own port a frame goes
			// only where the port allows that.
			n.Run(t, "ip", "link", "set", "veth0", "type", "bridge_slave", "hairpin", "on")
		}
		set := load(t, translatedDocuments)
		viaService := []string{"shop/web shop/web tcp/80", "shop/web shop/web tcp/443",
			"shop/web shop/web udp/80", "shop/api shop/db tcp/80", "shop/api shop/db udp/80",
			"shop/web shop/db tcp/80", "pay/api shop/db tcp/80", "world shop/db tcp/80"}
		direct := []string{"pay/api world tcp/80", "pay/api world udp/80", "pay/api world sctp/80",
			"pay/api world ping", "pay/db world2 tcp/80", "pay/db world2 udp/80",
			"shop/web world2 tcp/80"}
		open := n.translated(t, viaService, direct)
		for _, r := range open {
			if err := r.send(patience); err != nil {
				t.Errorf("without our tables: %s: got %v, want success", r.probe, err)
			}
		}
		n.apply(t, set)
		t.Run("S2.3.e a Service back to itself is judged; S2.6 after translation/"+attached,
			func(t *testing.T) {
				for _, r := range open {
					want := expected(r.probe, set.Evaluate(r.Flow))
					got := r.send(result{probe: r.probe, want: want}.timeout())
					if !errors.Is(got, want) {
						t.Errorf("%s: got %v, want %v", r.probe, got, want)
					}
				}
			})
	}
}

// sending is a probe and the way it is sent.
type sending struct {
	probe
	send func(time.Duration) error
}

func (n *node) translated(t testing.TB, viaService, direct []string) []sending {
	t.Helper()
	var out []sending
	for _, line := range viaService {
		for _, r := range readRow(t, line, line+" -") {
			p := r.probe
			p.ViaService = true
			out = append(out, sending{p, func(d time.Duration) error { return n.throughService(p, d) }})
		}
	}
	for _, line := range direct {
		for _, r := range readRow(t, line, line+" -") {
			p := r.probe
			out = append(out, sending{p, func(d time.Duration) error { return n.run(p, d) }})
		}
	}
	return out
}
