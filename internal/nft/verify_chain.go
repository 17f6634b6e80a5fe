// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

func (c *comparison) chain(desired *rs.Chain) error {
	as, ok := c.have.chains[desired.Name]
	if !ok {
		c.report(Missing, "chain %s", desired.Name)
		return nil
	}
	delete(c.have.chains, desired.Name)
	if !sameHook(desired.Base, as) {
		c.report(Different, "chain %s", desired.Name)
	}
	have := c.have.rules[desired.Name]
	for i, r := range desired.Rules {
		if i >= len(have) {
			c.report(Missing, "rule %d of chain %s", i+1, desired.Name)
			continue
		}
		same, err := c.sameRule(r, have[i])
		if err != nil {
			return fmt.Errorf("chain %s: rule %d: %w", desired.Name, i+1, err)
		}
		if !same {
			c.report(Different, "rule %d of chain %s", i+1, desired.Name)
		}
	}
	for i := len(desired.Rules); i < len(have); i++ {
		c.report(Extra, "rule %d of chain %s", i+1, desired.Name)
	}
	return nil
}

func sameHook(base *rs.Base, as []attr) bool {
	hook := findNest(as, unix.NFTA_CHAIN_HOOK)
	if base == nil {
		return hook == nil
	}
	return findString(as, unix.NFTA_CHAIN_TYPE) == chainType &&
		findU32(as, unix.NFTA_CHAIN_POLICY) == policyAccept &&
		findU32(hook, unix.NFTA_HOOK_HOOKNUM) == hooks[base.Hook] &&
		findU32(hook, unix.NFTA_HOOK_PRIORITY) == uint32(int32(base.Priority))
}

func (c *comparison) sameRule(r rs.Rule, as []attr) (bool, error) {
	ids := uint32(0)
	l, err := lowerRule(c.family, r, func() uint32 { ids++; return ids })
	if err != nil {
		return false, err
	}
	list, err := marshalExpressions(c.family, l.exprs)
	if err != nil {
		return false, err
	}
	want, _ := parseAttrs(list)
	have := findNest(as, unix.NFTA_RULE_EXPRESSIONS)
	comment := findComment(find(as, unix.NFTA_RULE_USERDATA))
	if len(want) != len(have) || comment != rs.Sanitize(r.Comment) {
		return false, nil
	}
	for i := range want {
		w, _ := parseAttrs(want[i].data)
		h, _ := parseAttrs(have[i].data)
		if !c.sameExpression(w, h, l.sets) {
			return false, nil
		}
	}
	return true, nil
}

// sameExpression compares two expressions. A lookup in an anonymous set is the same when the
// sets have the same content, whatever the kernel called it.
func (c *comparison) sameExpression(want, have []attr, sets []anonymousSet) bool {
	name := findString(want, unix.NFTA_EXPR_NAME)
	if name != findString(have, unix.NFTA_EXPR_NAME) {
		return false
	}
	w, h := findNest(want, unix.NFTA_EXPR_DATA), findNest(have, unix.NFTA_EXPR_DATA)
	if name == "lookup" && findString(w, unix.NFTA_LOOKUP_SET) == anonymousName {
		set := findString(h, unix.NFTA_LOOKUP_SET)
		if !strings.HasPrefix(set, "__") || !c.sameAnonymous(w, set, sets) {
			return false
		}
		w = without(without(w, unix.NFTA_LOOKUP_SET_ID), unix.NFTA_LOOKUP_SET)
		h = without(h, unix.NFTA_LOOKUP_SET)
	}
	return sameAttrs(name, w, h)
}

func (c *comparison) sameAnonymous(lookup []attr, name string, sets []anonymousSet) bool {
	id := findU32(lookup, unix.NFTA_LOOKUP_SET_ID)
	for _, s := range sets {
		if s.id != id {
			continue
		}
		have := c.have.elements[name]
		if findU32(c.have.sets[name], unix.NFTA_SET_KEY_LEN) != uint32(s.field.width) ||
			len(have) != len(s.values) {
			return false
		}
		wanted := map[string]bool{}
		for _, v := range s.values {
			wanted[string(v)] = true
		}
		for _, e := range have {
			if !wanted[string(e.key)] {
				return false
			}
		}
		return true
	}
	return false
}

func without(as []attr, typ uint16) []attr {
	var out []attr
	for _, a := range as {
		if a.typ != typ {
			out = append(out, a)
		}
	}
	return out
}

// nests are the attributes that contain attributes, by where they are found. The kernel does
// not mark them.
var nests = map[string]map[uint16]string{
	"cmp":       {unix.NFTA_CMP_DATA: "data"},
	"bitwise":   {unix.NFTA_BITWISE_MASK: "data", unix.NFTA_BITWISE_XOR: "data"},
	"immediate": {unix.NFTA_IMMEDIATE_DATA: "data"},
	"data":      {unix.NFTA_DATA_VERDICT: "verdict"},
	"dynset":    {unix.NFTA_DYNSET_EXPR: "expression"},
	// The one expression inside a dynset of ours; its name is compared beside its data.
	"expression": {unix.NFTA_EXPR_DATA: "limit"},
}

// sameAttrs compares attribute trees. The kernel reports defaults that were not sent, and
// leaves out some that were: an absent attribute equals one of zeros.
func sameAttrs(where string, want, have []attr) bool {
	seen := map[uint16]bool{}
	for _, as := range [][]attr{want, have} {
		for _, a := range as {
			if seen[a.typ] {
				continue
			}
			seen[a.typ] = true
			w, h := find(want, a.typ), find(have, a.typ)
			inner, nested := nests[where][a.typ]
			switch {
			case nested:
				if !sameAttrs(inner, findNest(want, a.typ), findNest(have, a.typ)) {
					return false
				}
			case w == nil || h == nil:
				if len(bytes.Trim(a.data, "\x00")) != 0 {
					return false
				}
			case !bytes.Equal(w, h):
				return false
			}
		}
	}
	return true
}
