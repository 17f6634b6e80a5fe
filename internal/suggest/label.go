// SPDX-License-Identifier: Apache-2.0

package suggest

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/bulkhead-net/bulkhead/policy"
)

// preferred are the labels by which people know a workload, best first.
var preferred = []string{
	"app.kubernetes.io/name", "app", "k8s-app", "name", "com.docker.compose.service",
	"app.kubernetes.io/component", "component", "role", "tier", "app.kubernetes.io/instance",
}

// volatile are labels that a workload's next instance or release will not have.
var volatile = []string{
	"pod-template-hash", "controller-revision-hash", "pod-template-generation",
	"statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index",
	"batch.kubernetes.io/job-name", "job-name", "batch.kubernetes.io/job-completion-index",
	"batch.kubernetes.io/controller-uid", "controller-uid", "app.kubernetes.io/version",
	"helm.sh/chart", "com.docker.compose.container-number", "com.docker.compose.version",
	"com.docker.compose.oneoff", "com.docker.compose.image", "bulkhead.dev/ports",
}

func isVolatile(key string) bool {
	return slices.Contains(volatile, key) || strings.HasSuffix(key, "-hash") ||
		strings.HasSuffix(key, "-uid")
}

// usable are the labels that a selector can name: whoever starts a container may set others.
func usable(e *policy.Endpoint) map[string]string {
	out := map[string]string{}
	for key, value := range e.Labels {
		if len(validation.IsQualifiedName(key)) == 0 && len(validation.IsValidLabelValue(value)) == 0 {
			out[key] = value
		}
	}
	return out
}

// stable are the labels that all instances of a workload share.
func stable(e *policy.Endpoint) map[string]string {
	out := usable(e)
	maps.DeleteFunc(out, func(key, _ string) bool { return isVolatile(key) })
	return out
}

// byPreference are the keys, those first by which people know a workload.
func byPreference(labels map[string]string) []string {
	rank := func(key string) int {
		if i := slices.Index(preferred, key); i >= 0 {
			return i
		}
		return len(preferred)
	}
	return slices.SortedFunc(maps.Keys(labels), func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b))
	})
}

// The bounds of the search: more labels than this are taken all or not at all.
const (
	maxSearched = 12
	maxTogether = 3
)

// selections are sets of labels that select the endpoint, the smallest first that selects no
// other workload of its namespace, and then ever narrower ones. An endpoint without labels has
// none but the empty selection, which is all of the namespace.
func (w world) selections(e *policy.Endpoint) []map[string]string {
	all, lasting := usable(e), stable(e)
	var out []map[string]string
	keys := byPreference(lasting)
	searched := keys[:min(len(keys), maxSearched)]
	for size := 1; size <= maxTogether && len(out) == 0; size++ {
		for _, chosen := range subsets(searched, size) {
			labels := pick(lasting, chosen)
			if !w.selectsOthers(labels, e) {
				out = append(out, labels)
				break
			}
		}
	}
	for _, labels := range []map[string]string{lasting, all} {
		if len(labels) > 0 && (len(out) == 0 || !maps.Equal(out[len(out)-1], labels)) {
			out = append(out, labels)
		}
	}
	if len(out) == 0 {
		out = append(out, all)
	}
	return out
}

// selectsOthers tells whether the labels select an endpoint of another workload.
func (w world) selectsOthers(labels map[string]string, e *policy.Endpoint) bool {
	own := stable(e)
	return slices.ContainsFunc(w.endpoints, func(x *policy.Endpoint) bool {
		return x.Namespace == e.Namespace && has(x, labels) && !maps.Equal(stable(x), own)
	})
}

func has(e *policy.Endpoint, labels map[string]string) bool {
	for key, value := range labels {
		if found, ok := e.Labels[key]; !ok || found != value {
			return false
		}
	}
	return true
}

func pick(labels map[string]string, keys []string) map[string]string {
	out := map[string]string{}
	for _, key := range keys {
		out[key] = labels[key]
	}
	return out
}

// subsets are those of one size, in the order of the keys.
func subsets(keys []string, size int) [][]string {
	if size == 0 {
		return [][]string{nil}
	}
	var out [][]string
	for i := range keys {
		for _, rest := range subsets(keys[i+1:], size-1) {
			out = append(out, append([]string{keys[i]}, rest...))
		}
	}
	return out
}
