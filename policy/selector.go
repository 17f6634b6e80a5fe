// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// Selector is a predicate over labels. The zero value matches nothing, so that a selector
// somebody forgot to fill in grants nothing.
type Selector struct {
	match labels.Selector
	text  string
	// required is a label that a match must have, when one can be named.
	required      bool
	requiredLabel [2]string
}

// The texts of the two selectors without requirements. Neither can be confused with a
// requirement, because no label key holds these characters.
const (
	nothingText    = "<nothing>"
	everythingText = "{}"
)

// Everything matches every set of labels, the empty one too.
func Everything() Selector {
	return Selector{match: labels.Everything(), text: everythingText}
}

// NewSelector reads a label selector of the Kubernetes API. A nil selector is "not present" and
// matches nothing; an empty one matches everything. The error is about keys, values and
// operators that the API server would refuse too.
func NewSelector(from *LabelSelector) (Selector, error) {
	if from == nil {
		return Selector{}, nil
	}
	match, err := from.parse()
	if err != nil {
		return Selector{}, fmt.Errorf("label selector: %w", err)
	}
	if match.Empty() {
		return Everything(), nil
	}
	s := Selector{match: match, text: canonicalText(match)}
	requirements, _ := match.Requirements()
	for _, r := range requirements {
		if value, found := match.RequiresExactMatch(r.Key()); found {
			s.required, s.requiredLabel = true, [2]string{r.Key(), value}
			break
		}
	}
	return s, nil
}

// Required returns a label without which nothing matches, if the selector has such a one: whoever
// asks about many sets of labels need only ask about those that have it.
func (s Selector) Required() (key, value string, ok bool) {
	return s.requiredLabel[0], s.requiredLabel[1], s.required
}

// Matches reports whether the labels satisfy every requirement.
func (s Selector) Matches(set map[string]string) bool {
	return s.match != nil && s.match.Matches(labels.Set(set))
}

// IsEverything reports whether the selector has no requirement and so matches every set of
// labels.
func (s Selector) IsEverything() bool { return s.text == everythingText }

// Equal reports whether two selectors have the same requirements.
func (s Selector) Equal(other Selector) bool { return s.String() == other.String() }

// String returns the requirements in one canonical order: selectors that were written in another
// order, or with matchExpressions for matchLabels, print equally. Label keys and values cannot
// hold the separators, so different selectors print differently.
func (s Selector) String() string {
	if s.match == nil {
		return nothingText
	}
	return s.text
}

// canonicalText sorts what labels.Selector leaves in the order of writing: requirements on the
// same key, and values that were written twice.
func canonicalText(match labels.Selector) string {
	requirements, _ := match.Requirements()
	texts := make([]string, 0, len(requirements))
	for _, r := range requirements {
		texts = append(texts, requirementText(r))
	}
	slices.Sort(texts)
	return strings.Join(slices.Compact(texts), ",")
}

func requirementText(r labels.Requirement) string {
	values := slices.Sorted(slices.Values(r.ValuesUnsorted()))
	values = slices.Compact(values)
	list := strings.Join(values, ",")
	switch r.Operator() {
	case selection.Exists:
		return r.Key()
	case selection.DoesNotExist:
		return "!" + r.Key()
	case selection.NotIn:
		return r.Key() + " notin (" + list + ")"
	}
	if len(values) == 1 {
		return r.Key() + "=" + list
	}
	return r.Key() + " in (" + list + ")"
}
