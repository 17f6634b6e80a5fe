// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"errors"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/query"
)

// selection is the flags that select records, as they were typed.
type selection struct {
	endpoints, namespaces, policies, ports, protocols *cli.List
	reasons, directions, kinds, peers                 *cli.List
	since, until                                      *string
}

// defaultSince is how far denials looks back unless told otherwise.
const defaultSince = "24h"

func declareSelection(f *cli.Flags) *selection {
	return &selection{
		endpoints: f.List("endpoint", "`name`, address or beginning of an id of either end; all "+
			"filters may be repeated"),
		namespaces: f.List("namespace", "`namespace` of either end"),
		policies: f.List("policy", "`name` of the policy that refused, NAME, NAMESPACE/NAME or "+
			"KIND/NAMESPACE/NAME"),
		ports:      f.List("port", "`port` of the server, or a range such as 8000-8080"),
		protocols:  f.List("proto", "`protocol`: tcp, udp, sctp, icmp, icmpv6 or its number"),
		reasons:    f.List("reason", "`reason` such as default-deny, rule, quarantine or spoof"),
		directions: f.List("direction", "`direction` as seen from the subject: egress or ingress"),
		kinds: f.List("kind", "`kind` of records: deny, would-deny, allow or loss (default deny and "+
			"would-deny)"),
		peers: f.List("peer", "`block` or address of the end that is not the subject"),
		since: f.String("since", defaultSince, "`time`, or how long ago it is"),
		until: f.String("until", "", "`time`, or how long ago it is"),
	}
}

// filter understands the flags.
func (s *selection) filter(now time.Time) (query.Filter, error) {
	var f query.Filter
	var errs [10]error
	f.Endpoints, f.Namespaces = s.endpoints.Values, s.namespaces.Values
	f.Policies, errs[0] = values("policy", s.policies, query.ParsePolicy)
	f.Ports, errs[1] = values("port", s.ports, query.ParsePort)
	f.Protocols, errs[2] = values("proto", s.protocols, query.ParseProtocol)
	f.Reasons, errs[3] = values("reason", s.reasons, query.ParseReason)
	f.Directions, errs[4] = values("direction", s.directions, query.ParseDirection)
	f.Kinds, errs[5] = values("kind", s.kinds, query.ParseKind)
	f.Peers, errs[6] = values("peer", s.peers, query.ParsePeer)
	f.Since, errs[7] = moment("since", *s.since, now)
	f.Until, errs[8] = moment("until", *s.until, now)
	if !f.Until.IsZero() && f.Until.Before(f.Since) {
		errs[9] = cli.Usagef("--until: found %s, accepted a time after --since (%s)",
			stamp(f.Until), stamp(f.Since))
	}
	if len(f.Kinds) == 0 {
		f.Kinds = []flow.Kind{flow.Denied, flow.WouldDeny}
	}
	return f, errors.Join(errs[:]...)
}

// values reads each value of a flag.
func values[T any](flag string, l *cli.List, parse func(string) (T, error)) ([]T, error) {
	var out []T
	for _, text := range l.Values {
		v, err := parse(text)
		if err != nil {
			return nil, cli.Usagef("--%s: %v", flag, err)
		}
		out = append(out, v)
	}
	return out, nil
}

func moment(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := query.ParseTime(text, now)
	if err != nil {
		return at, cli.Usagef("--%s: %v", flag, err)
	}
	return at, nil
}

// stamp is a time as tables show it.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
