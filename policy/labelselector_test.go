// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A selector means what the API server makes of it.
func TestLabelSelectorIsThatOfTheAPI(t *testing.T) {
	accepted, refused := 0, 0
	for _, key := range []string{"app", "example.org/app", "a b", ""} {
		for _, operator := range []LabelSelectorOperator{"In", "NotIn", "Exists", "DoesNotExist",
			"in", "Equals", ""} {
			for _, values := range [][]string{nil, {"web"}, {"web", "db"}, {"db", "web"}, {"a,b"}, {""}} {
				ours := LabelSelector{MatchLabels: map[string]string{"tier": "a"},
					MatchExpressions: []LabelSelectorRequirement{requirement(key, operator, values...)}}
				theirs := metav1.LabelSelector{MatchLabels: ours.MatchLabels,
					MatchExpressions: []metav1.LabelSelectorRequirement{{Key: key,
						Operator: metav1.LabelSelectorOperator(operator), Values: values}}}
				got, err := ours.parse()
				want, wantErr := metav1.LabelSelectorAsSelector(&theirs)
				if (err == nil) != (wantErr == nil) {
					t.Errorf("%q %q %q: got error %v, want %v", key, operator, values, err, wantErr)
					continue
				}
				if err != nil {
					refused++
					continue
				}
				accepted++
				if got.String() != want.String() {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		}
	}
	if accepted < 10 || refused < 10 {
		t.Errorf("got %d accepted and %d refused, want many of both", accepted, refused)
	}
}
