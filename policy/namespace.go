// SPDX-License-Identifier: Apache-2.0

package policy

import "maps"

// NamespaceNameLabel is the label by which every namespace can be selected by name.
const NamespaceNameLabel = "kubernetes.io/metadata.name"

// NamespaceLabels returns a copy of the labels of a namespace: those declared for it, and its
// name as NamespaceNameLabel. The name wins over a declared label of that key: a Namespace
// document must not pass for another namespace.
func (s *Set) NamespaceLabels(namespace string) map[string]string {
	declared := s.Namespaces[namespace]
	set := make(map[string]string, len(declared)+1)
	maps.Copy(set, declared)
	set[NamespaceNameLabel] = namespace
	return set
}
