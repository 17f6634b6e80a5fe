// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// The annotations that give the standard kinds what only our own kinds have fields for.
const (
	annotationPrefix     = "bulkhead.dev/"
	annotationMode       = annotationPrefix + "mode"
	annotationLog        = annotationPrefix + "log"
	annotationDenyAction = annotationPrefix + "deny-action"
)

var (
	documentFields = []string{"apiVersion", "kind", "metadata", "spec", "status"}
	// metadataFields are those of ObjectMeta. Most of them are written by the API server and
	// have no meaning in a file, but a document read from a cluster carries them.
	metadataFields = []string{"name", "generateName", "namespace", "selfLink", "uid",
		"resourceVersion", "generation", "creationTimestamp", "deletionTimestamp",
		"deletionGracePeriodSeconds", "labels", "annotations", "ownerReferences", "finalizers",
		"managedFields"}
)

// extras are what annotations, or the fields of our own kinds, add to the standard.
type extras struct {
	mode       Mode
	log        LogMode
	denyAction Action
}

// nameOf reads the name and namespace of a document, quietly: what is wrong with them is
// reported when the metadata is read.
func nameOf(o object, k *kind) Ref {
	ref := Ref{Kind: k.name}
	metadata, ok := o.field("metadata")
	if !ok {
		return ref
	}
	quiet := &document{file: o.doc.file}
	inner, ok := value{doc: quiet, node: metadata.node}.mapping("")
	if !ok {
		return ref
	}
	if name, ok := inner.field("name"); ok {
		ref.Name, _ = name.text("")
	}
	if !k.namespaced {
		return ref
	}
	ref.Namespace = "default"
	if namespace, ok := inner.field("namespace"); ok {
		ref.Namespace, _ = namespace.text("")
	}
	return ref
}

// metadata checks the metadata and returns the object's own labels and our annotations.
func (o object) metadata(k *kind) (labels map[string]string, x extras) {
	x = extras{mode: Enforce, log: LogDenied, denyAction: Deny}
	at, ok := o.required("metadata", "a mapping with name")
	if !ok {
		return nil, x
	}
	m, ok := at.object(metadataFields...)
	if !ok {
		return nil, x
	}
	m.checkName(k)
	if namespace, ok := m.field("namespace"); ok {
		namespace.checkNamespace(k)
	}
	if field, ok := m.field("labels"); ok {
		labels = field.labels()
	}
	if field, ok := m.field("annotations"); ok {
		field.annotations(k, &x)
	}
	return labels, x
}

func (o object) checkName(k *kind) {
	v, ok := o.required("name", "a name")
	if !ok {
		return
	}
	s, ok := v.text("a name")
	if !ok {
		return
	}
	faults := validation.IsDNS1123Subdomain(s)
	if k.name == KindNamespace {
		faults = validation.IsDNS1123Label(s)
	}
	switch {
	case len(faults) > 0:
		v.wrong("a name: " + brief(faults[0]))
	case k.name == KindBaselineAdminNetworkPolicy && s != "default":
		v.wrong(`"default", the one name of this kind`)
	}
}

func (v value) checkNamespace(k *kind) {
	s, ok := v.text("a namespace")
	switch {
	case !ok:
	case !k.namespaced:
		v.wrong("no namespace: a " + k.name + " belongs to no namespace")
	default:
		if faults := validation.IsDNS1123Label(s); len(faults) > 0 {
			v.wrong("a namespace: " + brief(faults[0]))
		}
	}
}

// annotations reads ours and leaves those of others alone. An annotation with our prefix that
// is not known is an error like an unknown field: it may have been meant to narrow.
func (v value) annotations(k *kind, x *extras) {
	o, _ := v.mapping("a mapping of annotations to text")
	known := []string{annotationMode, annotationLog, annotationDenyAction}
	for _, key := range o.keys {
		field, ok := o.field(key.Value)
		if !ok || !isReserved(key.Value) {
			continue
		}
		at := v.child(key.Value, key)
		switch {
		case !k.standard:
			at.reject("an annotation of the standard kinds", "the fields of "+k.name)
		case key.Value == annotationMode:
			x.mode, _ = fold(field, Enforce, Audit)
		case key.Value == annotationLog:
			x.log, _ = fold(field, LogDenied, LogAll, LogNone)
		case key.Value == annotationDenyAction:
			x.denyAction, _ = fold(field, Deny, Reject)
		case !slices.Contains(known, key.Value):
			at.reject("an unknown annotation", oneOf(known)+suggestion(key.Value, known))
		}
	}
}

// fold reads one of the words as annotations spell them, in lower case.
func fold[T ~string](v value, words ...T) (T, bool) {
	lower := make([]string, len(words))
	for i, w := range words {
		lower[i] = strings.ToLower(string(w))
	}
	s, ok := enum(v, lower...)
	if !ok {
		return words[0], false
	}
	return words[slices.Index(lower, s)], true
}
