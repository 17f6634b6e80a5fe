// SPDX-License-Identifier: Apache-2.0

package policy

// Severity grades a Problem.
type Severity string

// The severities. An Error rejects its document; a Warning does not change what is enforced;
// NotEnforced marks something that was understood, is valid, and has no effect yet.
const (
	SeverityError       Severity = "error"
	SeverityWarning     Severity = "warning"
	SeverityNotEnforced Severity = "not enforced"
)

// Problem is one finding in a document: where, what was found, what is accepted.
type Problem struct {
	Position Position `json:"position"`
	Ref      Ref      `json:"ref"`
	Severity Severity `json:"severity"`
	// Field is the path inside the document, as in spec.ingress[0].from[1].
	Field string `json:"field,omitempty"`
	Found string `json:"found,omitempty"`
	// Accepted says what would have been right.
	Accepted string `json:"accepted,omitempty"`
	Message  string `json:"message"`
}
