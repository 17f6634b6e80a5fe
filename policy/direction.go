// SPDX-License-Identifier: Apache-2.0

package policy

import "fmt"

// MarshalText writes a direction as the word that documents and people use.
func (d Direction) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads "egress" or "ingress".
func (d *Direction) UnmarshalText(text []byte) error {
	switch string(text) {
	case "egress":
		*d = Egress
	case "ingress":
		*d = Ingress
	default:
		return fmt.Errorf("direction %q: want egress or ingress", text)
	}
	return nil
}
