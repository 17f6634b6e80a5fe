// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// CheckLabel accepts the labels that Kubernetes accepts, except the keys by which something else
// than a container is known: a workload that could state them would name itself.
func CheckLabel(key, value string) error {
	domain, _, _ := strings.Cut(key, "/")
	if key == NamespaceNameLabel || domain == "bulkhead.dev" ||
		strings.HasPrefix(key, "io.kubernetes.") {
		return errors.New("reserved: identity is not a matter of labels")
	}
	if f := validation.IsQualifiedName(key); len(f) > 0 {
		return fmt.Errorf("not a label key: %s", brief(f[0]))
	}
	if f := validation.IsValidLabelValue(value); len(f) > 0 {
		return fmt.Errorf("value %.80q: not a label value: %s", value, brief(f[0]))
	}
	return nil
}
