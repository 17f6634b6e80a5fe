// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

// inQuarantine makes a flow's sides of that name quarantined; the world's endpoints stay.
func inQuarantine(f Flow, name string, allowed ...string) Flow {
	q := &Quarantine{}
	for _, text := range allowed {
		q.AllowFrom = append(q.AllowFrom, netip.MustParsePrefix(text))
	}
	for _, side := range []*Party{&f.From, &f.To} {
		if side.Endpoint != nil && side.Endpoint.String() == name {
			cut := *side.Endpoint
			cut.Quarantine = q
			side.Endpoint = &cut
		}
	}
	return f
}

// openedByAdmin accepts everything in the Admin tier, which quarantine comes before.
func openedByAdmin() *Set {
	return newSet(cluster("open", AdminTier, 0, podsOf("", ""), ingress(rule(Accept, nil)),
		egress(rule(Accept, nil))))
}

// closedByAdmin denies what shop/api sends, and all that enters shop/web.
func closedByAdmin() *Set {
	return newSet(
		cluster("api", AdminTier, 0, podsIn("shop", "app=api"), egress(rule(Deny, nil))),
		cluster("web", AdminTier, 0, podsIn("shop", "app=web"), ingress(rule(Deny, nil))))
}

var forensic = []string{"192.0.2.9/32", "fd00:1::11/128", "10.0.0.1/32", "10.1.0.12/31"}

var quarantineCases = []struct {
	name, from, to, service string
	set                     *Set
	allowed                 []string
	action                  Action
	reason                  Reason
	direction               Direction
}{
	{"sends", "shop/web", "pay/api", "tcp/80", openedByAdmin(), nil, Deny, ReasonQuarantine, Egress},
	{"receives", "pay/api", "shop/web", "tcp/80", openedByAdmin(), nil, Deny, ReasonQuarantine,
		Ingress},
	{"to the world", "shop/web", "8.8.8.8", "icmp/8/0", openedByAdmin(), nil, Deny,
		ReasonQuarantine, Egress},
	{"to the node", "shop/web", "host", "udp/53", openedByAdmin(), nil, Deny, ReasonQuarantine,
		Egress},
	{"from the node", "host", "shop/web", "tcp/8080", newSet(), nil, Deny, ReasonQuarantine,
		Ingress},
	{"to whom it lets in", "shop/web", "192.0.2.9", "tcp/80", openedByAdmin(), forensic, Deny,
		ReasonQuarantine, Egress},
	{"from whom it lets in", "192.0.2.9", "shop/web", "tcp/22", newSet(), forensic, Accept,
		ReasonQuarantine, Ingress},
	{"against a policy of its own", "192.0.2.9", "shop/web", "tcp/22", closedByAdmin(), forensic,
		Accept, ReasonQuarantine, Ingress},
	{"from a neighbour", "192.0.2.8", "shop/web", "tcp/22", openedByAdmin(), forensic, Deny,
		ReasonQuarantine, Ingress},
	{"from the node that it lets in", "host", "shop/web", "icmp/8/0", newSet(), forensic, Accept,
		ReasonQuarantine, Ingress},
	{"from the node's other address", "host/6", "shop/web/6", "tcp/1", newSet(), forensic, Deny,
		ReasonQuarantine, Ingress},
	{"from an endpoint that it lets in", "shop/db", "shop/web", "tcp/1", newSet(), forensic,
		Accept, ReasonQuarantine, Ingress},
	{"from an endpoint of the other family", "shop/api/6", "shop/web/6", "tcp/1", newSet(),
		forensic, Accept, ReasonQuarantine, Ingress},
	{"that endpoint's own egress", "shop/api/6", "shop/web/6", "tcp/1", closedByAdmin(), forensic,
		Deny, ReasonRule, Egress},
	{"in IPv4's other dress", "::ffff:192.0.2.9", "shop/web", "tcp/1", newSet(), forensic, Accept,
		ReasonQuarantine, Ingress},
	{"own address", "shop/web", "shop/web", "tcp/1", newSet(), nil, Accept, ReasonOwnAddress,
		Ingress},
	{"own address through a Service", "shop/web", "shop/web", "tcp/1+service", newSet(),
		[]string{"10.1.0.10/32"}, Deny, ReasonQuarantine, Egress},
	{"a tunnel", "shop/web", "8.8.8.8", "ip/47", newSet(), nil, Deny, ReasonEncapsulation, Egress},
	{"others", "shop/api", "shop/db", "tcp/1", newSet(), nil, Accept, ReasonDefaultAllow, Ingress},
}

func TestQuarantineComesBeforeEveryTier(t *testing.T) {
	for _, c := range quarantineCases {
		t.Run(c.name, func(t *testing.T) {
			f := inQuarantine(flowOf(t, c.from, c.to, c.service), "shop/web", c.allowed...)
			got := c.set.Evaluate(f)
			if got.Action != c.action || got.Reason != c.reason || got.Direction != c.direction {
				t.Errorf("got %+v, want %s, %s, %s", got, c.action, c.reason, c.direction)
			}
			if e := c.set.Explain(f); !reflect.DeepEqual(e.Decision, got) {
				t.Errorf("explain: got %+v, want %+v", e.Decision, got)
			}
		})
	}
}

func TestQuarantineIsExplained(t *testing.T) {
	f := inQuarantine(flowOf(t, "shop/api", "shop/web", "tcp/80"), "shop/web", "10.1.0.11/32")
	text := openedByAdmin().Explain(f).String()
	for _, want := range []string{
		"shop/web is in quarantine, which lets shop/api connect: tcp/80 from shop/api\n",
		"ingress of shop/web: Accept (quarantine)\n" +
			"  Admin: not asked, it is in quarantine\n" +
			"  NetworkPolicy: not asked, it is in quarantine\n" +
			"  Baseline: not asked, it is in quarantine\n",
		"egress of shop/api: Accept (rule)\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("text: got\n%s\nwant %q in it", text, want)
		}
	}
	f = inQuarantine(flowOf(t, "shop/web", "shop/api", "tcp/80"), "shop/web", "10.1.0.11/32")
	want := "shop/web is in quarantine, which drops tcp/80 to shop/api"
	if got := openedByAdmin().Evaluate(f).Why; got != want {
		t.Errorf("why: got %q, want %q", got, want)
	}
}
