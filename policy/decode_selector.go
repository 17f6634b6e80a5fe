// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

var (
	selectorFields    = []string{"matchLabels", "matchExpressions"}
	requirementFields = []string{"key", "operator", "values"}
)

// selector reads a LabelSelector. An empty one matches everything; one with an error matches
// nothing.
func (v value) selector() Selector {
	before := v.doc.errors
	o, _ := v.object(selectorFields...)
	var from LabelSelector
	if labels, ok := o.field("matchLabels"); ok {
		from.MatchLabels = labels.labels()
	}
	if expressions, ok := o.field("matchExpressions"); ok {
		items, _ := expressions.list("requirements", 0, 0)
		for _, item := range items {
			from.MatchExpressions = append(from.MatchExpressions, item.requirement())
		}
	}
	if v.doc.errors > before {
		return Selector{}
	}
	s, err := NewSelector(&from)
	if err != nil {
		v.reject(printable(err.Error()), "a label selector")
		return Selector{}
	}
	return s
}

// labels reads a map of label keys and values.
func (v value) labels() map[string]string {
	o, _ := v.mapping("a mapping of labels to text")
	found := make(map[string]string, len(o.keys))
	for _, key := range o.keys {
		v.child(key.Value, key).labelKey(key.Value)
		field, ok := o.field(key.Value)
		if !ok {
			v.child(key.Value, key).reject("null", `text, also empty: ""`)
			continue
		}
		if s, ok := field.labelValue(); ok {
			found[key.Value] = s
		}
	}
	return found
}

func (v value) labelKey(key string) {
	if faults := validation.IsQualifiedName(key); len(faults) > 0 {
		v.reject(quoted(key), "a label key: "+brief(faults[0]))
	}
}

func (v value) labelValue() (string, bool) {
	s, ok := v.text("a label value")
	if !ok {
		return "", false
	}
	if faults := validation.IsValidLabelValue(s); len(faults) > 0 {
		v.wrong("a label value: " + brief(faults[0]))
		return "", false
	}
	return s, true
}

// requirement reads one of matchExpressions.
func (v value) requirement() LabelSelectorRequirement {
	var r LabelSelectorRequirement
	o, ok := v.object(requirementFields...)
	if !ok {
		return r
	}
	if key, ok := o.required("key", "a label key"); ok {
		if s, ok := key.text("a label key"); ok {
			key.labelKey(s)
			r.Key = s
		}
	}
	operators := []LabelSelectorOperator{LabelSelectorOpIn,
		LabelSelectorOpNotIn, LabelSelectorOpExists,
		LabelSelectorOpDoesNotExist}
	operator, ok := o.required("operator", "In, NotIn, Exists or DoesNotExist")
	if ok {
		r.Operator, _ = enum(operator, operators...)
	}
	values, given := o.field("values")
	if given {
		items, _ := values.list("label values", 0, 0)
		for _, item := range items {
			s, _ := item.labelValue()
			r.Values = append(r.Values, s)
		}
	}
	o.checkValues(r, values, given)
	return r
}

func (o object) checkValues(r LabelSelectorRequirement, values value, given bool) {
	switch r.Operator {
	case LabelSelectorOpIn, LabelSelectorOpNotIn:
		if !given {
			o.required("values", fmt.Sprintf("at least one value with operator %s", r.Operator))
		} else if len(r.Values) == 0 {
			values.reject("no values",
				fmt.Sprintf("at least one value with operator %s", r.Operator))
		}
	case LabelSelectorOpExists, LabelSelectorOpDoesNotExist:
		if len(r.Values) > 0 {
			values.reject(fmt.Sprintf("%d values", len(r.Values)),
				fmt.Sprintf("no values with operator %s", r.Operator))
		}
	}
}

// namespacedPods reads {namespaceSelector, podSelector} of the cluster-scoped kinds. Without a
// namespaceSelector all namespaces match, unless the kind demands it.
func (v value) namespacedPods(namespaceRequired bool) *PodSelector {
	pods := &PodSelector{}
	o, ok := v.object(namespacedPodFields...)
	if !ok {
		return pods
	}
	namespaces, given := o.field("namespaceSelector")
	switch {
	case given:
		pods.NamespaceSelector = namespaces.selector()
	case namespaceRequired:
		o.required("namespaceSelector", "a label selector; {} is every namespace")
	default:
		pods.NamespaceSelector = Everything()
	}
	if selector, ok := o.required("podSelector", "a label selector; {} is every pod"); ok {
		pods.Selector = selector.selector()
	}
	return pods
}

var namespacedPodFields = []string{"namespaceSelector", "podSelector"}

// allPodsOf reads a namespace selector that stands for every pod in the namespaces.
func (v value) allPodsOf() *PodSelector {
	return &PodSelector{NamespaceSelector: v.selector(), Selector: Everything()}
}

// isReserved reports whether a label or annotation belongs to this product.
func isReserved(key string) bool { return strings.HasPrefix(key, annotationPrefix) }
