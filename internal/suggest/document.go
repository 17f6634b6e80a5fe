// SPDX-License-Identifier: Apache-2.0

package suggest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/bulkhead-net/bulkhead/policy"
)

// The form of the document, in the order in which people write it.
type (
	networkPolicy struct {
		APIVersion string   `yaml:"apiVersion"`
		Kind       string   `yaml:"kind"`
		Metadata   metadata `yaml:"metadata"`
		Spec       spec     `yaml:"spec"`
	}
	metadata struct {
		Name      string `yaml:"name"`
		Namespace string `yaml:"namespace"`
	}
	spec struct {
		PodSelector selector `yaml:"podSelector"`
		PolicyTypes []string `yaml:"policyTypes"`
		Ingress     []rule   `yaml:"ingress,omitempty"`
		Egress      []rule   `yaml:"egress,omitempty"`
	}
	rule struct {
		From  []peer `yaml:"from,omitempty"`
		To    []peer `yaml:"to,omitempty"`
		Ports []port `yaml:"ports"`
	}
	peer struct {
		Namespaces *selector `yaml:"namespaceSelector,omitempty"`
		Pods       *selector `yaml:"podSelector,omitempty"`
		Block      *block    `yaml:"ipBlock,omitempty"`
	}
	block struct {
		CIDR string `yaml:"cidr"`
	}
	port struct {
		Protocol string `yaml:"protocol"`
		Port     uint16 `yaml:"port"`
	}
	selector struct {
		Labels map[string]string `yaml:"matchLabels,omitempty"`
	}
)

// document is the NetworkPolicy that accepts what a default deny refuses.
func (w world) document(d policy.Decision) (Document, []string, *Obstacle) {
	subject := w.judged(d.Direction)
	labels, bystander := w.subject(d.Direction, subject)
	if bystander != nil {
		return Document{}, nil, w.undivided(d, bystander)
	}
	p, who, notes := w.peer(d.Direction, subject.Namespace)
	doc := networkPolicy{APIVersion: "networking.k8s.io/v1", Kind: policy.KindNetworkPolicy,
		Metadata: metadata{w.name(d.Direction, subject.Namespace), subject.Namespace}}
	doc.Spec.PodSelector.Labels = labels
	ports := []port{{protocolNames[w.flow.Protocol], w.flow.Port}}
	way := "from"
	if d.Direction == policy.Egress {
		way = "to"
		doc.Spec.PolicyTypes = []string{"Egress"}
		doc.Spec.Egress = []rule{{To: []peer{p}, Ports: ports}}
	} else {
		doc.Spec.PolicyTypes = []string{"Ingress"}
		doc.Spec.Ingress = []rule{{From: []peer{p}, Ports: ports}}
	}
	text, err := doc.text()
	if err != nil { // strings and numbers: there is nothing that cannot be written
		return Document{}, nil, &Obstacle{Direction: d.Direction, Reason: d.Reason, Why: err.Error()}
	}
	ref := policy.Ref{Kind: doc.Kind, Namespace: doc.Metadata.Namespace, Name: doc.Metadata.Name}
	changes := fmt.Sprintf("lets %s %s %s %s", podsText(labels, subject.Namespace),
		map[policy.Direction]string{policy.Egress: "send", policy.Ingress: "receive"}[d.Direction],
		w.flow.Service()+" "+way, who)
	return Document{ref, d.Direction, text, changes}, append(notes, w.rejected(d)...), nil
}

func (p networkPolicy) text() (string, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(p); err != nil {
		return "", err
	}
	return b.String(), e.Close()
}

// subject are the labels of the new policy's subject. A policy isolates all that it selects, so
// that they must select nobody who is not isolated yet: a bystander if there is no other way.
func (w world) subject(d policy.Direction, e *policy.Endpoint) (map[string]string,
	*policy.Endpoint) {
	var bystander *policy.Endpoint
	for _, labels := range w.selections(e) {
		i := slices.IndexFunc(w.endpoints, func(x *policy.Endpoint) bool {
			return x.Namespace == e.Namespace && has(x, labels) && !w.isolated(d, x)
		})
		if i < 0 {
			return labels, nil
		}
		bystander = w.endpoints[i]
	}
	return nil, bystander
}

// isolated tells whether a NetworkPolicy isolates the endpoint in this direction already.
func (w world) isolated(d policy.Direction, e *policy.Endpoint) bool {
	return slices.ContainsFunc(w.set.Policies, func(p *policy.Policy) bool {
		return p.Tier == policy.NetworkPolicyTier && p.Mode != policy.Audit && p.Isolates[d] &&
			w.set.Selects(p, e)
	})
}

// peer names the other end, and says in words whom it names: by labels if it has some, so that the
// rule stays true for the workload's next instance, and by its one address otherwise.
func (w world) peer(d policy.Direction, namespace string) (peer, string, []string) {
	other := w.other(d)
	if e := other.Endpoint; e != nil {
		labels := w.selections(e)[0]
		if len(labels) > 0 && len(validation.IsValidLabelValue(e.Namespace)) == 0 {
			p := peer{Pods: &selector{labels}}
			if e.Namespace != namespace {
				p.Namespaces = &selector{map[string]string{policy.NamespaceNameLabel: e.Namespace}}
			}
			return p, podsText(labels, e.Namespace), nil
		}
	}
	addr := other.Addr.Unmap().WithZone("")
	p := peer{Block: &block{fmt.Sprintf("%s/%d", addr, addr.BitLen())}}
	if other.Endpoint == nil {
		return p, addr.String(), nil
	}
	return p, addr.String(), []string{fmt.Sprintf("%s has no label that a selector could name, so "+
		"the rule names its address %s: whoever has that address next is meant too",
		other.Endpoint, addr)}
}

// rejected says that a refusal is that of a document that was rejected: it is the one to correct.
func (w world) rejected(d policy.Decision) []string {
	var notes []string
	for _, ref := range d.Isolating {
		i := slices.IndexFunc(w.set.Problems, func(p policy.Problem) bool {
			return p.Ref == ref && p.Severity == policy.SeverityError
		})
		if i >= 0 {
			notes = append(notes, fmt.Sprintf("%s was rejected (%s), and what it was to accept is not "+
				"known: correct it first", ref, place(w.set.Problems[i].Position)))
		}
	}
	return notes
}

func podsText(labels map[string]string, namespace string) string {
	if len(labels) == 0 {
		return "all of namespace " + namespace
	}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, key+"="+labels[key])
	}
	return strings.Join(parts, ",") + " in namespace " + namespace
}
