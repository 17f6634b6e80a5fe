// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/policy"
)

// clause is one case of a table: policy documents, and what they make of some flows.
//
//	## S1.8 SCTP is not TCP
//	(documents, divided by ---)
//	flows:
//	shop/api shop/web tcp/80 deny
//
// A flow is judged in both address families; from/4 and from/6 name one.
type clause struct {
	name, documents string
	rows            []row
}

type row struct {
	place string
	probe probe
	want  string
}

func readClauses(t *testing.T, file string) []clause {
	t.Helper()
	data, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var out []clause
	flows := false
	for i, line := range strings.Split(string(data), "\n") {
		place := fmt.Sprintf("%s:%d", file, i+1)
		name, heading := strings.CutPrefix(line, "## ")
		switch {
		case heading:
			out = append(out, clause{name: name})
			flows = false
		case len(out) == 0 || strings.HasPrefix(line, "#"):
		case line == "flows:":
			flows = true
		case flows && strings.TrimSpace(line) != "":
			c := &out[len(out)-1]
			c.rows = append(c.rows, readRow(t, place, line)...)
		case !flows:
			out[len(out)-1].documents += line + "\n"
		}
	}
	for _, c := range out {
		if len(c.rows) == 0 {
			t.Fatalf("%s: %q has no flows", file, c.name)
		}
	}
	return out
}

func readRow(t testing.TB, place, line string) []row {
	t.Helper()
	fields := strings.Fields(line)
	if len(fields) != 4 {
		t.Fatalf("%s: want `from to service verdict`", place)
	}
	families := []bool{false, true}
	from, only4 := strings.CutSuffix(fields[0], "/4")
	from, only6 := strings.CutSuffix(from, "/6")
	if only4 {
		families = families[:1]
	} else if only6 {
		families = families[1:]
	}
	var out []row
	for _, v6 := range families {
		p := probe{}
		p.From, p.To = partyNamed(t, place, from, v6), partyNamed(t, place, fields[1], v6)
		p.setService(t, place, fields[2], v6)
		out = append(out, row{place: place, probe: p, want: fields[3]})
	}
	return out
}

// setService reads tcp/80, udp/53, sctp/9, ping, icmp/TYPE/CODE and ip/PROTOCOL.
func (p *probe) setService(t testing.TB, place, text string, v6 bool) {
	t.Helper()
	parts := strings.Split(text, "/")
	numbers := make([]uint16, 3)
	for i, part := range parts[1:] {
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil {
			t.Fatalf("%s: service %q: %v", place, text, err)
		}
		numbers[i] = uint16(n)
	}
	icmp := map[bool]uint8{false: policy.ProtocolICMP, true: policy.ProtocolICMPv6}[v6]
	switch parts[0] {
	case "tcp":
		p.Protocol, p.Port = policy.ProtocolTCP, numbers[0]
	case "udp":
		p.Protocol, p.Port = policy.ProtocolUDP, numbers[0]
	case "sctp":
		p.Protocol, p.Port = policy.ProtocolSCTP, numbers[0]
	case "ping":
		p.Protocol, p.ICMPType = icmp, map[bool]uint8{false: 8, true: 128}[v6]
	case "icmp":
		p.Protocol, p.ICMPType, p.ICMPCode = icmp, uint8(numbers[0]), uint8(numbers[1])
	case "ip":
		p.Protocol = uint8(numbers[0])
	default:
		t.Fatalf("%s: service %q", place, text)
	}
}

// TestClauses holds the kernel to the policy language, clause by clause: on bridges and on
// routed links, with br_netfilter off and on for the namespace as a whole. Every probe has
// passed without our tables before it counts that it does not pass with them.
func TestClauses(t *testing.T) {
	var clauses []clause
	for _, file := range []string{"project.table", "networkpolicy.table", "cluster.table"} {
		clauses = append(clauses, readClauses(t, file)...)
	}
	for _, attached := range []string{"bridge", "ptp"} {
		for _, netfilter := range []bool{false, true} {
			name := fmt.Sprintf("%s/br_netfilter=%v", attached, netfilter)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				n := newClauseNode(t, attached, netfilter)
				n.showOpen(t, clauses)
				for _, c := range clauses {
					t.Run(c.name, func(t *testing.T) { n.judge(t, c) })
				}
			})
		}
	}
}

// showOpen sends every probe of the clauses once, without our tables.
func (n *node) showOpen(t *testing.T, clauses []clause) {
	t.Helper()
	seen := map[string]bool{}
	var probes []probe
	for _, c := range clauses {
		for _, r := range c.rows {
			key := partyName(r.probe.From) + partyName(r.probe.To) + r.probe.Service()
			if !seen[key] {
				seen[key] = true
				probes = append(probes, r.probe)
			}
		}
	}
	results := n.probeAll(accepts, probes)
	check(t, "without our tables", results)
	t.Logf("%d different probes pass without our tables", len(results))
}

func (n *node) judge(t *testing.T, c clause) {
	set := policy.Load([]policy.File{{Name: "policy.yaml",
		Data: []byte(c.documents + "\n---\n" + namespaceDocuments)}}, nil)
	n.apply(t, set)
	var probes []probe
	for _, r := range c.rows {
		if got := strings.ToLower(string(set.Evaluate(r.probe.Flow).Action)); got != r.want {
			t.Errorf("%s: %s: law: got %s, want %s", r.place, r.probe, got, r.want)
		}
		probes = append(probes, r.probe)
	}
	check(t, c.name, n.probeAll(set.Evaluate, probes))
}
