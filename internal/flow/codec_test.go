// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"testing"

	"github.com/bulkhead-net/bulkhead/policy"
)

const hash = "0123456789ab"

// TestEveryWord goes through every word of a group, every question and both families.
func TestEveryWord(t *testing.T) {
	for _, c := range []struct {
		word   string
		reason Reason
		action Action
		tells  Kind
		silent bool
	}{
		{"rule", ReasonRule, Drop, Denied, false},
		{"default", ReasonDefaultDeny, Drop, Denied, false},
		{"reject-rule", ReasonRule, Reject, Denied, false},
		{"reject-default", ReasonDefaultDeny, Reject, Denied, false},
		{"rule-silent", ReasonRule, Drop, Denied, true},
		{"reject-rule-silent", ReasonRule, Reject, Denied, true},
		{"quarantine", ReasonQuarantine, Drop, Denied, false},
		{"audit", ReasonAudit, Pass, WouldDeny, false},
		{"audit-silent", ReasonAudit, Pass, WouldDeny, true},
		{"allow", ReasonRule, Pass, Allowed, false},
		{"of-tomorrow", "of-tomorrow", Drop, Denied, false},
	} {
		for kind, direction := range map[string]policy.Direction{
			"egress": policy.Egress, "ingress": policy.Ingress,
			"to-host": policy.Egress, "from-host": policy.Ingress,
		} {
			for _, family := range []string{"ip", "ip6"} {
				action := c.action
				if kind == "from-host" && action == Reject {
					action = Drop
				}
				p, err := ParsePrefix("bh1 " + hash + " " + kind + " " + c.word)
				if err != nil {
					t.Fatal(err)
				}
				name := kind + "-" + hash + "-" + c.word
				got := p.Counter(family)
				if want, err := ParseCounter(family, name); err != nil || got != want {
					t.Errorf("%s: got %+v, want %+v, %v", name, got, want, err)
				}
				d, ok := got.Direction()
				if got.Name() != name || got.Reason() != c.reason || got.Action() != action ||
					got.Tells() != c.tells || got.Silent() != c.silent || d != direction || !ok ||
					got.Overflow() || got.Noted() != (c.tells == Denied) {
					t.Errorf("%s: got %s, %s, %s, %s, %v, %s, want %+v", name, got.Name(),
						got.Reason(), got.Action(), got.Tells(), got.Silent(), d, c)
				}
				if p.String() != "bh1 "+hash+" "+kind+" "+c.word {
					t.Errorf("prefix: got %q", p)
				}
			}
		}
	}
}

// TestWordsOfNoGroup: the reason is the word, and nothing notes the flow.
func TestWordsOfNoGroup(t *testing.T) {
	for word := range sentences {
		for _, family := range []string{"ip", "ip6", "bridge"} {
			p, err := ParsePrefix("bh1 - - " + string(word))
			if err != nil {
				t.Fatal(err)
			}
			c := p.Counter(family)
			_, direction := c.Direction()
			if c.Reason() != word || c.Action() != Drop || c.Tells() != Denied || c.Noted() ||
				direction || c.Overflow() || c.Name() != "drop-"+string(word) {
				t.Errorf("%s: got %+v", word, c)
			}
			if back, err := ParseCounter(family, c.Name()); err != nil || back != c {
				t.Errorf("%s: got %+v, %v, want %+v", c.Name(), back, err, c)
			}
			if p.String() != "bh1 - - "+string(word) {
				t.Errorf("prefix: got %q", p)
			}
		}
	}
	for _, name := range []string{"overflow-egress", "overflow-ingress"} {
		c, err := ParseCounter("ip", name)
		if err != nil || !c.Overflow() || c.Name() != name || c.Noted() {
			t.Errorf("%s: got %+v, %v", name, c, err)
		}
	}
}

func TestForeignNamesAreRefused(t *testing.T) {
	for _, s := range []string{"", "bh1", "bh1 - -", "bh1 - - ", "bh1 - - -", "bh2 - - spoof",
		"bh1 - egress rule", "bh1 0123 - rule", "bh1 0123 sideways rule", "bh1 01-3 egress rule",
		"bh1 0123 egress rule more", "bh1 0123 egress Rule", "bh1 0123 egress ru\x1ble"} {
		if p, err := ParsePrefix(s); err == nil {
			t.Errorf("prefix %q: got %+v, want an error", s, p)
		}
	}
	for _, s := range []string{"", "drop-", "overflow-", "egress", "egress-", "egress-0123",
		"egress-0123-", "egress--rule", "drop-overflow-egress", "spoof", "egress-xyz-rule",
		"drop-Spoof", "drop-a b"} {
		if c, err := ParseCounter("ip", s); err == nil && s != "overflow-" {
			t.Errorf("counter %q: got %+v, want an error", s, c)
		}
	}
}

func FuzzPrefix(f *testing.F) {
	f.Add("bh1 0123456789ab to-host reject-rule")
	f.Add("bh1 - - spoof")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePrefix(s)
		if err != nil {
			return
		}
		if p.String() != s {
			t.Errorf("prefix: got %q, want %q", p, s)
		}
		c := p.Counter("ip")
		if c.Reason() == "" || c.Action() == "" || c.Tells() == "" {
			t.Errorf("prefix %q: got %q, %q, %q", s, c.Reason(), c.Action(), c.Tells())
		}
	})
}

func FuzzCounter(f *testing.F) {
	f.Add("to-host-0123456789ab-reject-rule")
	f.Add("overflow-egress")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCounter("ip", s)
		if err == nil && c.Name() != s {
			t.Errorf("counter: got %q, want %q", c.Name(), s)
		}
	})
}
