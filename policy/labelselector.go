// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// LabelSelector is the LabelSelector of the Kubernetes API (apimachinery, meta/v1). That package
// brings an HTTP server along, which a plugin would load anew for every container.
type LabelSelector struct {
	MatchLabels      map[string]string
	MatchExpressions []LabelSelectorRequirement
}

// LabelSelectorRequirement is one of matchExpressions.
type LabelSelectorRequirement struct {
	Key      string
	Operator LabelSelectorOperator
	Values   []string
}

// LabelSelectorOperator is how a requirement compares.
type LabelSelectorOperator string

// The operators of the Kubernetes API.
const (
	LabelSelectorOpIn           LabelSelectorOperator = "In"
	LabelSelectorOpNotIn        LabelSelectorOperator = "NotIn"
	LabelSelectorOpExists       LabelSelectorOperator = "Exists"
	LabelSelectorOpDoesNotExist LabelSelectorOperator = "DoesNotExist"
)

var selectionOperators = map[LabelSelectorOperator]selection.Operator{
	LabelSelectorOpIn:           selection.In,
	LabelSelectorOpNotIn:        selection.NotIn,
	LabelSelectorOpExists:       selection.Exists,
	LabelSelectorOpDoesNotExist: selection.DoesNotExist,
}

// parse is the selector as the API server understands it.
func (s *LabelSelector) parse() (labels.Selector, error) {
	match := labels.NewSelector()
	add := func(key string, operator selection.Operator, values []string) error {
		r, err := labels.NewRequirement(key, operator, values)
		if err == nil {
			match = match.Add(*r)
		}
		return err
	}
	for key, value := range s.MatchLabels {
		if err := add(key, selection.Equals, []string{value}); err != nil {
			return nil, err
		}
	}
	for _, e := range s.MatchExpressions {
		operator, ok := selectionOperators[e.Operator]
		if !ok {
			return nil, fmt.Errorf("operator %q: not In, NotIn, Exists or DoesNotExist", e.Operator)
		}
		if err := add(e.Key, operator, slices.Clone(e.Values)); err != nil {
			return nil, err
		}
	}
	return match, nil
}
