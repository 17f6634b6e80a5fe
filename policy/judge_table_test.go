// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// clause is one clause of the policy language and the policies that show it. Its flows, and what
// must become of them, are the section of the same name in a table.
type clause struct {
	name string
	set  *Set
}

// runClauses judges every row of the table. A clause without rows, and rows without a clause,
// are errors: nothing is left out in silence.
func runClauses(t *testing.T, file string, clauses []clause) {
	t.Helper()
	sections := readTable(t, file)
	for _, c := range clauses {
		t.Run(c.name, func(t *testing.T) {
			rows := sections[c.name]
			if len(rows) == 0 {
				t.Fatalf("%s has no rows for %q", file, c.name)
			}
			for _, row := range rows {
				checkRow(t, c.set, row)
			}
		})
		delete(sections, c.name)
	}
	for name := range sections {
		t.Errorf("%s: no clause is called %q", file, name)
	}
}

// tableRow is `from to protocol/port verdict rule|reason`.
type tableRow struct {
	place  string
	fields []string
}

func readTable(t *testing.T, file string) map[string][]tableRow {
	t.Helper()
	data, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	sections, name := map[string][]tableRow{}, ""
	for i, line := range strings.Split(string(data), "\n") {
		fields := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "## "):
			name = strings.TrimPrefix(line, "## ")
		case len(fields) == 0 || strings.HasPrefix(line, "#"):
		case len(fields) != 5 || name == "":
			t.Fatalf("%s:%d: want `from to protocol/port verdict reason`", file, i+1)
		default:
			row := tableRow{place: fmt.Sprintf("%s:%d", file, i+1), fields: fields}
			sections[name] = append(sections[name], row)
		}
	}
	return sections
}

func checkRow(t *testing.T, s *Set, row tableRow) {
	t.Helper()
	f := flowOf(t, row.fields[0], row.fields[1], row.fields[2])
	decision := s.Evaluate(f)
	got := strings.ToLower(string(decision.Action)) + " " + reasonText(decision)
	if want := row.fields[3] + " " + row.fields[4]; got != want {
		t.Errorf("%s: %s: got %q want %q\n%s", row.place, f, got, want, s.Explain(f))
	}
}

// reasonText is `policy:direction[index]` for a rule, `default-deny:direction(policies)` for a
// default deny, and otherwise the reason alone.
func reasonText(d Decision) string {
	switch d.Reason {
	case ReasonRule:
		return fmt.Sprintf("%s:%s[%d]", d.Rule.Policy.Name, d.Rule.Direction, d.Rule.Index)
	case ReasonDefaultDeny:
		names := make([]string, len(d.Isolating))
		for i, ref := range d.Isolating {
			names[i] = ref.Name
		}
		return fmt.Sprintf("default-deny:%s(%s)", d.Direction, strings.Join(names, ","))
	}
	return string(d.Reason)
}

// flowOf reads a row. A service that ends in +service has From and To joined by a Service.
func flowOf(t *testing.T, from, to, service string) Flow {
	t.Helper()
	service, viaService := strings.CutSuffix(service, "+service")
	f := Flow{From: partyOf(t, from), To: partyOf(t, to), ViaService: viaService}
	parts := strings.Split(service, "/")
	numbers := make([]uint16, 3)
	for i, text := range parts[1:] {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil {
			t.Fatalf("service %q: %v", service, err)
		}
		numbers[i] = uint16(n)
	}
	protocols := map[string]uint8{"tcp": ProtocolTCP, "udp": ProtocolUDP, "sctp": ProtocolSCTP,
		"icmp": ProtocolICMP, "icmpv6": ProtocolICMPv6, "ip": uint8(numbers[0])}
	protocol, known := protocols[parts[0]]
	if !known {
		t.Fatalf("service %q: unknown protocol", service)
	}
	f.Protocol = protocol
	switch {
	case HasPorts(protocol):
		f.Port = numbers[0]
	case parts[0] != "ip":
		f.ICMPType, f.ICMPCode = uint8(numbers[0]), uint8(numbers[1])
	}
	return f
}

// partyOf reads `shop/web`, `shop/web@ADDRESS`, `shop/web/6` for its IPv6 address, `host`,
// `host/6`, `host@ADDRESS`, or an address, which may be an endpoint's.
func partyOf(t *testing.T, text string) Party {
	t.Helper()
	name, address, explicit := strings.Cut(text, "@")
	name, ipv6 := strings.CutSuffix(name, "/6")
	p := Party{}
	switch {
	case name == "host":
		p = Party{Host: true, Addr: netip.MustParseAddr(hostIPv4)}
		if ipv6 {
			p.Addr = netip.MustParseAddr(hostIPv6)
		}
	case strings.Contains(name, "/"):
		p.Endpoint = endpointNamed(t, name)
		p.Addr = p.Endpoint.Addresses[0]
		if ipv6 {
			p.Addr = p.Endpoint.Addresses[1]
		}
	default:
		p.Addr = netip.MustParseAddr(name)
		p.Endpoint = ownerOf(p.Addr)
	}
	if explicit {
		p.Addr = netip.MustParseAddr(address)
	}
	return p
}

func ownerOf(a netip.Addr) *Endpoint {
	for _, e := range worldEndpoints {
		if slices.Contains(e.Addresses, a) {
			return e
		}
	}
	return nil
}
