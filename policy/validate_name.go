// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// isNamed reports whether the name is one that documents may have. Any other is taken for a
// misspelling of a name that is not known: it must not reach rules and records, which carry
// names, and the document may be the new version of another one.
func (r Ref) isNamed() bool { return len(validation.IsDNS1123Subdomain(r.Name)) == 0 }

// brief cuts the examples and the regular expression off a complaint of the API server's own
// validation, which would drown the line.
func brief(fault string) string {
	if i := strings.Index(fault, " (e.g."); i >= 0 {
		fault = fault[:i]
	}
	return fault
}
