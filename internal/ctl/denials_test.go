// SPDX-License-Identifier: Apache-2.0

package ctl_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/ctl"
	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/query"
)

// ask runs a command that reads records, from the morning on.
func (s *site) ask(t *testing.T, line ...string) result {
	t.Helper()
	return s.run(t, append(line, "--denials-dir", s.denials)...)
}

const allDay = "--since=2026-01-01T00:00:00Z"

// ids are the records that a table lists.
func (r result) ids() string {
	out := ""
	for _, line := range strings.Split(r.out, "\n") {
		if strings.HasPrefix(line, id(0)[:20]) {
			out += string(line[25])
		}
	}
	return out
}

func TestDenialsSelects(t *testing.T) {
	s := newSite(t)
	s.recordAll(t)
	for _, tc := range []struct{ line, want string }{
		{"", "ABCEF"},
		{"--endpoint shop/web", "BCF"},
		{"--endpoint shop/web,10.2.0.4", "ABCF"},
		{"--endpoint batch-", "A"},
		{"--namespace other", ""},
		{"--policy db", "AEF"},
		{"--policy SegmentationPolicy/host-closed", "B"},
		{"--port 22 --port 53", "BC"},
		{"--proto icmp", "E"},
		{"--reason default-deny --proto tcp", "A"},
		{"--direction egress", "BC"},
		{"--kind loss", "D"},
		{"--kind deny,loss --since 2026-01-02T03:07:00Z", "DEF"},
		{"--until 2026-01-02T03:05:00Z", "A"},
		{"--peer 192.0.2.0/24", "E"},
		{"--limit 2", "EF"},
		{"--limit 0", "ABCEF"},
	} {
		t.Run(tc.line, func(t *testing.T) {
			line := append([]string{"denials", allDay}, strings.Fields(tc.line)...)
			if r := s.ask(t, line...); r.code != 0 || r.ids() != tc.want {
				t.Errorf("got %s of %+v, want %s", r.ids(), r, tc.want)
			}
		})
	}
}

func TestDenialsRefusesWhatItDoesNotUnderstand(t *testing.T) {
	s := newSite(t)
	s.recordAll(t)
	for _, tc := range []struct{ line, want string }{
		{"--port http", `--port: found "http", accepted a port from 0 to 65535`},
		{"--proto tpc", `--proto: found "tpc", accepted tcp, udp`},
		{"--reason no", `--reason: found "no", accepted one of rule, default-deny`},
		{"--direction in", `--direction: found "in", accepted egress or ingress`},
		{"--kind denied", `--kind: found "denied", accepted one of deny, would-deny`},
		{"--peer 10/8", `--peer: found "10/8", accepted a CIDR`},
		{"--policy a/b/c", `--policy: found "a/b/c", accepted NAME`},
		{"--since yesterday", `--since: found "yesterday", accepted a time such as`},
		{"--until 1h --since 1m", "--until: found "},
		{"--group-by colour", `--group-by: found "colour", accepted one of client`},
		{"--limit -1", "--limit: found -1, accepted a number from 0 on"},
		{"--limit x", "-limit"},
		{"-f --until 1h", "--until: found it beside -f"},
		{"-f --group-by rule", "--group-by: found it beside -f"},
		{"-f --limit 5", "--limit: found it beside -f"},
		{"-o yaml", "accepted are table and json"},
		{"stray", `unexpected argument "stray"`},
	} {
		t.Run(tc.line, func(t *testing.T) {
			r := s.ask(t, append([]string{"denials"}, strings.Fields(tc.line)...)...)
			if r.code != 2 || r.out != "" || !strings.Contains(r.err, tc.want) {
				t.Errorf("got %+v, want 2 and %q", r, tc.want)
			}
		})
	}
}

func TestDenialsTellsWhatIsLost(t *testing.T) {
	s := newSite(t)
	s.recordAll(t)
	s.record(t, s.lost(6, 30))
	r := s.ask(t, "denials", allDay, "--port", "22", "-o", "json")
	var got struct {
		Records  []flow.Record
		LeftOut  int
		Loss     query.Loss
		Coverage struct {
			Oldest time.Time
			Agent  string
		}
	}
	if err := json.Unmarshal([]byte(r.out), &got); err != nil {
		t.Fatalf("%v in %+v", err, r)
	}
	// All that was counted, whatever was selected: 1, 2, 1, 5 and 6 packets, and 42.
	if got.Loss.Counted != 57 || got.Loss.Recorded != 15 || got.Loss.Lost != 42 ||
		len(got.Loss.Counters) != 1 || got.Loss.Counters[0].Lost != 42 {
		t.Errorf("loss: got %+v, want 57 counted, 15 recorded, 42 lost by one counter", got.Loss)
	}
	if len(got.Records) != 1 || got.Records[0].ID != id(1) || got.LeftOut != 0 {
		t.Errorf("records: got %+v, want the second one", got.Records)
	}
	if !got.Coverage.Oldest.Equal(morning) || got.Coverage.Agent != "none" {
		t.Errorf("coverage: got %+v, want none since the morning", got.Coverage)
	}
	for _, tc := range []struct{ since, want string }{
		{allDay, "57 packets counted, 15 recorded, 42 lost: 42 by ip ingress-7d53e63e8a7c-default\n"},
		{"--since=1m", "0 packets counted, 0 recorded, 0 lost\n"},
	} {
		r := s.ask(t, "denials", tc.since, "--limit", "1")
		if !strings.Contains(r.out, tc.want) ||
			!strings.Contains(r.out, "the oldest record kept is of 2026-01-02T03:04:05Z") ||
			!strings.Contains(r.out, "no agent: nothing is recorded now") {
			t.Errorf("%s: got %s, want %q and the coverage", tc.since, r.out, tc.want)
		}
	}
	if r := s.ask(t, "denials", allDay, "--limit", "1"); !strings.Contains(r.out,
		"4 older records left out; --limit 0 shows all") {
		t.Errorf("got %s, want how many are left out", r.out)
	}
}

func TestDenialsAsksTheAgent(t *testing.T) {
	s := newSite(t)
	s.attachAll(t)
	s.recordAll(t)
	stop := s.agent(t)
	coverage := func(want string) {
		t.Helper()
		if r := s.ask(t, "denials", allDay); r.code != 0 || !strings.Contains(r.out, want) {
			t.Errorf("got %+v, want %q", r, want)
		}
	}
	coverage("; the agent is up\n")
	s.live = func(context.Context, string) (ctl.LiveLedger, error) {
		return ctl.LiveLedger{Counted: 11, Recorded: 8, Lost: 1, Silent: 2,
			Misattributed: 4, Behind: 1500 * time.Millisecond}, nil
	}
	coverage("; the agent is up, 1.5s behind: 11 counted, 8 recorded, 1 lost in all, " +
		"2 refused by rules with log None, 4 recorded for a rule that did not refuse them\n")
	s.live = func(context.Context, string) (ctl.LiveLedger, error) {
		return ctl.LiveLedger{}, errors.New("no such verb")
	}
	coverage("; the agent is up\n")
	stop()
	coverage("; the agent is down: nothing is recorded now, the kernel counts on\n")
}

func TestDenialsGroups(t *testing.T) {
	s := newSite(t)
	s.recordAll(t)
	const want = `COUNT  PACKETS  FIRST                 LAST                  CLIENT     REASON
1      6        2026-01-02T03:09:05Z  2026-01-02T03:09:15Z  shop/web   default-deny
1      5        2026-01-02T03:08:05Z  2026-01-02T03:08:15Z  192.0.2.1  default-deny
1      2        2026-01-02T03:05:05Z  2026-01-02T03:05:15Z  shop/web   rule
2 smaller groups left out; --limit 0 shows all
`
	r := s.ask(t, "denials", allDay, "--group-by", "client,reason", "--limit", "3")
	if r.code != 0 || !strings.HasPrefix(r.out, want) {
		t.Errorf("got\n%s%s\nwant\n%s", r.out, r.err, want)
	}
	r = s.ask(t, "denials", allDay, "--group-by", "policy", "-o", "json")
	var got struct {
		Records []flow.Record
		GroupBy []string
		Groups  []query.Group
	}
	if err := json.Unmarshal([]byte(r.out), &got); err != nil || len(got.Groups) != 3 ||
		got.Records == nil || len(got.Records) != 0 || got.Groups[0].Packets != 12 ||
		got.Groups[0].Records != 3 || !slices.Equal(got.GroupBy, []string{"policy"}) {
		t.Errorf("json: got %+v, %v of %s, want three groups", got, err, r.out)
	}
}

func TestDenialsWithoutRecords(t *testing.T) {
	s := newSite(t)
	if r := s.ask(t, "denials"); r.code != 1 ||
		!strings.Contains(r.err, "nothing is recorded in "+s.denials) {
		t.Errorf("no directory: got %+v, want it said", r)
	}
	s.record(t)
	if r := s.ask(t, "denials"); r.code != 0 || !strings.HasPrefix(r.out, "no such record\n") ||
		!strings.Contains(r.out, "coverage  no record is kept, ") {
		t.Errorf("an empty one: got %+v, want it said", r)
	}
}

// TestDamagedLinesAreToldAndPassedOver has half a line and one of nonsense among the records.
func TestDamagedLinesAreToldAndPassedOver(t *testing.T) {
	s := newSite(t)
	s.recordAll(t)
	paths, err := filepath.Glob(filepath.Join(s.denials, "*.jsonl"))
	if err != nil || len(paths) != 1 {
		t.Fatalf("files: got %v, %v, want one", paths, err)
	}
	data, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(data), "\n")
	lines[1] = lines[1][:40] + "\n"
	lines[3] = "\x1b[2J{}}\n"
	if err := os.WriteFile(paths[0], []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	r := s.ask(t, "denials", allDay)
	if r.code != 0 || r.ids() != "ACEF" || strings.Count(r.err, ".jsonl") != 2 {
		t.Errorf("got %s of %+v, want the others, and two lines told", r.ids(), r)
	}
}
