// SPDX-License-Identifier: Apache-2.0

package policy

import "slices"

// kind is one kind of document: how it is recognised and who reads it.
type kind struct {
	name       string
	apiVersion string
	namespaced bool
	// standard says that the kind is not ours, so that our extras come as annotations.
	standard bool
	// foundation kinds are read before all others, which refer to them.
	foundation bool
	read       func(*document, object) draft
}

// group is the API group of Bulkhead's own kinds.
const group = "bulkhead.dev/v1alpha1"

// kinds are all kinds that are accepted. It is a function because the readers refer back to
// kinds through document.
func kinds() []*kind {
	return []*kind{
		{name: KindNetworkPolicy, apiVersion: "networking.k8s.io/v1",
			namespaced: true, standard: true, read: readNetworkPolicy},
		{name: KindClusterNetworkPolicy, apiVersion: "policy.networking.k8s.io/v1alpha2",
			standard: true, read: readClusterNetworkPolicy},
		{name: KindAdminNetworkPolicy, apiVersion: "policy.networking.k8s.io/v1alpha1",
			standard: true, read: readAdminNetworkPolicy},
		{name: KindBaselineAdminNetworkPolicy, apiVersion: "policy.networking.k8s.io/v1alpha1",
			standard: true, read: readBaselineAdminNetworkPolicy},
		{name: KindSegmentationPolicy, apiVersion: group, read: readSegmentationPolicy},
		{name: KindSegment, apiVersion: group, foundation: true, read: readSegment},
		{name: KindNamespace, apiVersion: "v1", foundation: true, read: readNamespace},
	}
}

// kindNames are the kinds accepted here; a List holds no Lists.
func (d *document) kindNames() []string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	if d.path == "" {
		names = append(names, "List")
	}
	return names
}

func kindNamed(name string) *kind {
	all := kinds()
	if i := slices.IndexFunc(all, func(k *kind) bool { return k.name == name }); i >= 0 {
		return all[i]
	}
	return nil
}

// draft is what was read from one document. It is complete only when the document has no
// errors; else it says how much can be trusted to close what the document was to govern.
type draft struct {
	policy    *Policy
	segment   *Segment
	labels    map[string]string
	namespace string
	// subjectRead says that the subject was read without an error.
	subjectRead bool
	// names are the directions that the document names; directionsRead says that there can be
	// no others, hidden in a part that was not understood.
	names          [2]bool
	directionsRead bool
}
