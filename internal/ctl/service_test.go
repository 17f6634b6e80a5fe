// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"strings"
	"testing"
)

func TestParseService(t *testing.T) {
	for text, want := range map[string]service{
		"5432/tcp":   {protocol: 6, port: 5432},
		"tcp/5432":   {protocol: 6, port: 5432},
		"53/udp":     {protocol: 17, port: 53},
		"9/sctp":     {protocol: 132, port: 9},
		"0/tcp":      {protocol: 6},
		"65535/tcp":  {protocol: 6, port: 65535},
		"icmp":       {protocol: 1, icmpType: 8},
		"13/icmp":    {protocol: 1, icmpType: 13},
		"3/1/icmp":   {protocol: 1, icmpType: 3, icmpCode: 1},
		"icmp/8/0":   {protocol: 1, icmpType: 8},
		"icmpv6":     {protocol: 58, icmpType: 128},
		"129/icmpv6": {protocol: 58, icmpType: 129},
		"47":         {protocol: 47},
		"1":          {protocol: 1, icmpType: 8},
		"58":         {protocol: 58, icmpType: 128},
	} {
		if got, err := parseService(text); err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "/", "tcp", "80/tcp/", "/tcp", "65536/tcp", "-1/tcp",
		"80/TCP", "http/tcp", "1/2/tcp", "256/icmp", "1/2/3/icmp", "47/47", "256", "6", "17",
		"80/foo", "tcp/80/tcp", "\x1b[2J"} {
		got, err := parseService(text)
		if err == nil || !strings.Contains(err.Error(), "accepted are") {
			t.Errorf("%q: got %+v, %v, want what is accepted", text, got, err)
		}
	}
}

func TestServiceFamilies(t *testing.T) {
	for text, want := range map[string][2]bool{
		"icmp": {true, false}, "icmpv6": {false, true}, "80/tcp": {true, true}, "47": {true, true},
	} {
		s, err := parseService(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]bool{s.fits(false) == nil, s.fits(true) == nil}; got != want {
			t.Errorf("%s in IPv4 and IPv6: got %v, want %v", text, got, want)
		}
	}
}
