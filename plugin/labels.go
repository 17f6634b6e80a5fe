// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"fmt"
	"strings"

	"github.com/bulkhead-net/bulkhead/policy"
)

// portsLabel is a label that names container ports; it is never a label of the endpoint.
const portsLabel = "bulkhead.dev/ports"

// maxLabels bounds what one container carries into every selector.
const maxLabels = 256

// checkLabel accepts what policies may select by, and the label that names ports.
func checkLabel(key, value string) error {
	if key == portsLabel {
		_, err := parsePorts(value)
		return err
	}
	return policy.CheckLabel(key, value)
}

// brief cuts the examples and the regular expression off a complaint of the Kubernetes
// validation, which would drown the line.
func brief(fault string) string {
	fault, _, _ = strings.Cut(fault, " (e.g.")
	return fault
}

// labels reads an object of strings.
func (f *field) labels() map[string]string {
	labels := map[string]string{}
	for _, m := range f.members() {
		inner := f.inner(f.key+"."+m.key, m.value)
		if value, ok := inner.text(); ok {
			inner.label(labels, m.key, value)
		}
	}
	f.limit(labels)
	return labels
}

func (f *field) limit(labels map[string]string) {
	if len(labels) > maxLabels {
		f.found.add(InvalidConf, "%s: found %d labels, accepted %d", f.key, len(labels), maxLabels)
	}
}

func (f *field) label(labels map[string]string, key, value string) {
	if err := checkLabel(key, value); err != nil {
		f.found.add(InvalidConf, "%s: %w", f.key, err)
		return
	}
	if old, there := labels[key]; there && old != value {
		f.found.add(InvalidConf, "%s: label %s is both %q and %q", f.key, key, old, value)
		return
	}
	labels[key] = value
}

// argsLabels reads args.cni.labels, the convention by which runtimes pass labels in the conf: a
// list of objects with key and value. The rest of args belongs to others.
func (f *field) argsLabels() map[string]string {
	labels := map[string]string{}
	for _, cni := range f.inside("cni") {
		for _, list := range cni.inside("labels") {
			for _, item := range list.items() {
				key, value := item.pair()
				item.label(labels, key, value)
			}
			list.limit(labels)
		}
	}
	return labels
}

// inside returns the member of that key of an object: one field or none.
func (f *field) inside(key string) []*field {
	for _, m := range f.members() {
		if m.key == key && !isNull(m.value) {
			return []*field{f.inner(f.key+"."+key, m.value)}
		}
	}
	return nil
}

func (f *field) pair() (key, value string) {
	for _, m := range f.members() {
		switch inner := f.inner(f.key+"."+m.key, m.value); m.key {
		case "key":
			key, _ = inner.text()
		case "value":
			value, _ = inner.text()
		default:
			inner.unsupported("accepted key, value")
		}
	}
	return key, value
}

// parseLabels reads BULKHEAD_LABELS, "key:value,key:value".
func parseLabels(s string) (map[string]string, error) {
	labels := map[string]string{}
	if s == "" {
		return labels, nil
	}
	for entry := range strings.SplitSeq(s, ",") {
		key, value, ok := strings.Cut(entry, ":")
		if !ok {
			return nil, fmt.Errorf("%q is not key:value", entry)
		}
		if err := checkLabel(key, value); err != nil {
			return nil, fmt.Errorf("label %s: %w", key, err)
		}
		if _, there := labels[key]; there {
			return nil, fmt.Errorf("label %s is stated twice", key)
		}
		labels[key] = value
	}
	if len(labels) > maxLabels {
		return nil, fmt.Errorf("%d labels, accepted %d", len(labels), maxLabels)
	}
	return labels, nil
}
