// SPDX-License-Identifier: Apache-2.0

package suggest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/bulkhead-net/bulkhead/policy"
)

// name is the name of a new document in a namespace, as in "allow-web-to-db-5432-tcp": a DNS label
// whatever the parties are called, and not that of a document that is known.
func (w world) name(d policy.Direction, namespace string) string {
	base := fmt.Sprintf("allow-%s-to-%s-%d-%s", w.short(w.flow.From, namespace),
		w.short(w.flow.To, namespace), w.flow.Port, strings.ToLower(protocolNames[w.flow.Protocol]))
	if d == policy.Egress {
		base += "-egress"
	}
	taken := w.taken()
	for n := 1; ; n++ {
		name := base
		if n > 1 {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		ref := policy.Ref{Kind: policy.KindNetworkPolicy, Namespace: namespace, Name: fit(name)}
		if !taken[ref] {
			return ref.Name
		}
	}
}

// taken are the names of all documents, of rejected ones too: a new document of such a name would
// pass for the better version.
func (w world) taken() map[policy.Ref]bool {
	taken := map[policy.Ref]bool{}
	for _, p := range w.set.Policies {
		taken[p.Ref] = true
	}
	for _, d := range w.set.Documents {
		taken[d.Ref] = true
	}
	for _, p := range w.set.Problems {
		taken[p.Ref] = true
	}
	return taken
}

// short is a party in the name of a document of a namespace.
func (w world) short(p policy.Party, namespace string) string {
	e := p.Endpoint
	if e == nil {
		return letters(p.Addr.Unmap().WithZone("").String())
	}
	name := e.Name
	labels := w.selections(e)[0]
	if keys := byPreference(labels); len(keys) == 1 && slices.Contains(preferred, keys[0]) {
		name = labels[keys[0]]
	}
	if e.Namespace != namespace {
		name = e.Namespace + "-" + name
	}
	return letters(name)
}

// letters is a text in the letters of a DNS label, or "x" if it has none of them.
func letters(text string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(text) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else {
			b.WriteByte('-')
		}
	}
	out := strings.Trim(b.String(), "-")
	for strings.Contains(out, "--") {
		out = strings.ReplaceAll(out, "--", "-")
	}
	if out == "" {
		return "x"
	}
	return out
}

// fit shortens a name to a DNS label. What is cut off is told by a hash, so that two long names
// that begin alike stay two.
func fit(name string) string {
	const longest = validation.DNS1123LabelMaxLength
	if len(name) <= longest {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return strings.TrimRight(name[:longest-9], "-") + "-" + hex.EncodeToString(sum[:4])
}
