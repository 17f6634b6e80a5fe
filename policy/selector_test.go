// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"
)

func requirement(key string, op LabelSelectorOperator,
	values ...string) LabelSelectorRequirement {
	return LabelSelectorRequirement{Key: key, Operator: op, Values: values}
}

func selectorOf(t *testing.T, labels map[string]string,
	expressions ...LabelSelectorRequirement) Selector {
	t.Helper()
	s, err := NewSelector(&LabelSelector{MatchLabels: labels, MatchExpressions: expressions})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSelectorMatches(t *testing.T) {
	web := map[string]string{"app": "web", "tier": "front"}
	for _, c := range []struct {
		name     string
		selector Selector
		want     bool
	}{
		{"zero value", Selector{}, false},
		{"everything", Everything(), true},
		{"empty is everything", selectorOf(t, nil), true},
		{"label", selectorOf(t, map[string]string{"app": "web"}), true},
		{"other value", selectorOf(t, map[string]string{"app": "db"}), false},
		{"all requirements", selectorOf(t, map[string]string{"app": "web", "tier": "back"}), false},
		{"in", selectorOf(t, nil, requirement("app", LabelSelectorOpIn, "db", "web")), true},
		{"not in", selectorOf(t, nil,
			requirement("app", LabelSelectorOpNotIn, "web")), false},
		{"not in, key absent", selectorOf(t, nil,
			requirement("zone", LabelSelectorOpNotIn, "pci")), true},
		{"exists", selectorOf(t, nil, requirement("tier", LabelSelectorOpExists)), true},
		{"does not exist", selectorOf(t, nil,
			requirement("tier", LabelSelectorOpDoesNotExist)), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.selector.Matches(web); got != c.want {
				t.Errorf("%s matches %v: got %v want %v", c.selector, web, got, c.want)
			}
		})
	}
	if (Selector{}).Matches(nil) || !Everything().Matches(nil) {
		t.Error("without labels: want no match for the zero value, a match for everything")
	}
}

func TestSelectorNilIsNotPresent(t *testing.T) {
	s, err := NewSelector(nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Matches(map[string]string{"app": "web"}) || s.IsEverything() {
		t.Errorf("nil selector: got %s, which matches, want one that matches nothing", s)
	}
}

func TestSelectorErrors(t *testing.T) {
	for _, r := range []LabelSelectorRequirement{
		requirement("app", "Near", "web"),
		requirement("app", LabelSelectorOpIn),
		requirement("app", LabelSelectorOpExists, "web"),
		requirement("a b", LabelSelectorOpExists),
		requirement("app", LabelSelectorOpIn, "a,b"),
	} {
		s, err := NewSelector(&LabelSelector{
			MatchExpressions: []LabelSelectorRequirement{r}})
		if err == nil {
			t.Errorf("%+v: got selector %s want an error", r, s)
		}
		if s.Matches(map[string]string{"app": "web"}) {
			t.Errorf("%+v: the selector of an error matches", r)
		}
	}
}

func TestSelectorTextIsCanonical(t *testing.T) {
	in, exists := LabelSelectorOpIn, LabelSelectorOpExists
	for _, c := range []struct {
		want     string
		selector Selector
	}{
		{"<nothing>", Selector{}},
		{"{}", selectorOf(t, map[string]string{})},
		{"app=web,tier=a", selectorOf(t, map[string]string{"tier": "a", "app": "web"})},
		{"app=web,tier=a", selectorOf(t, map[string]string{"tier": "a"},
			requirement("app", in, "web"))},
		{"app=web", selectorOf(t, map[string]string{"app": "web"}, requirement("app", in, "web"))},
		{"app in (a,b)", selectorOf(t, nil, requirement("app", in, "b", "a", "b"))},
		{"app,app notin (x)", selectorOf(t, nil,
			requirement("app", LabelSelectorOpNotIn, "x"), requirement("app", exists))},
		{"app,app notin (x)", selectorOf(t, nil, requirement("app", exists),
			requirement("app", LabelSelectorOpNotIn, "x"))},
		{"!app", selectorOf(t, nil, requirement("app", LabelSelectorOpDoesNotExist))},
	} {
		if got := c.selector.String(); got != c.want {
			t.Errorf("selector text: got %q want %q", got, c.want)
		}
	}
	if !Everything().Equal(selectorOf(t, nil)) || Everything().Equal(Selector{}) {
		t.Error("everything: want it equal to the empty selector and not to the zero value")
	}
}
