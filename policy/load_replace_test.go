// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"testing"
)

const (
	goodWeb = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n" +
		"metadata: {name: web}\nspec: {podSelector: {matchLabels: {app: web}}, ingress: [{}]}\n"
	badWeb = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n" +
		"metadata: {name: web}\nspec: {podSelector: {matchLabels: {app: web}}, ingres: [{}]}\n"
	goodDB = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n" +
		"metadata: {name: db}\nspec: {podSelector: {matchLabels: {app: db}}}\n"
	goodZone = "---\napiVersion: bulkhead.dev/v1alpha1\nkind: Segment\nmetadata: {name: zone}\n" +
		"spec: {members: [{pods: {podSelector: {matchLabels: {z: a}}}}]}\n"
	badZone = "---\napiVersion: bulkhead.dev/v1alpha1\nkind: Segment\nmetadata: {name: zone}\n" +
		"spec: {members: [{pods: {podSelector: {matchLabels: {z: a}}}}], isolate: true}\n"
	goodBorder = "---\napiVersion: bulkhead.dev/v1alpha1\nkind: SegmentationPolicy\n" +
		"metadata: {name: border}\nspec: {tier: Admin, priority: 9, subject: {segment: zone},\n" +
		"  egress: [{action: Accept, to: [{entity: World}]}]}\n"
	goodShop = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {a: b}}\n"
	badShop  = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, label: {a: b}}\n"
	brokenAt = "---\na: [\n"
)

const (
	webOpen = `NetworkPolicy default/web: NetworkPolicy 0 Enforce, pods app=web in namespace ` +
		`"default", isolated for ingress` + "\n  ingress 0 Accept [anybody] [anything] log Denied\n"
	webClosed = `NetworkPolicy default/web: NetworkPolicy 0 Enforce, pods app=web in namespace ` +
		`"default", isolated for egress, isolated for ingress` + "\n"
	unnamedClosed = `NetworkPolicy default/unnamed-0d0c14ce-1: NetworkPolicy 0 Enforce, ` +
		`pods app=web in namespace "default", isolated for ingress` + "\n"
	dbOpen = `NetworkPolicy default/db: NetworkPolicy 0 Enforce, pods app=db in namespace ` +
		`"default", isolated for ingress` + "\n"
	borderOpen = `SegmentationPolicy border: Admin 9 Enforce, segment "zone"` +
		"\n  egress 0 Accept [entity World] [anything] log Denied\n"
	borderClosed = `SegmentationPolicy border: Admin 9 Enforce, segment "zone"` +
		"\n  egress 0 Deny [anybody] [anything] log Denied CLOSED: " + rejected + "\n"
	zoneClosed = `Segment zone: Baseline 1001 Enforce, segment "zone"` +
		"\n  egress 0 Deny [anybody] [anything] log Denied CLOSED: " + rejected +
		"\n  ingress 0 Deny [anybody] [anything] log Denied CLOSED: " + rejected + "\n"
)

// TestWhatStandsInThePlaceOfARejectedDocument loads a first version and then a second one with
// the documents of the first as the last good ones.
func TestWhatStandsInThePlaceOfARejectedDocument(t *testing.T) {
	cases := []struct {
		name, first, second string
		want                string
		warning             string
	}{
		{"S0.4 the last good version stays", goodWeb, badWeb, webOpen, "stays in force"},
		{"S0.4 without one the subjects are closed", "", badWeb, webClosed,
			"its subjects are closed for ingress and egress"},
		{"S0.4 a document beside the bad one is accepted", goodWeb, badWeb + goodDB,
			dbOpen + webOpen, ""},
		{"S0.4 a deleted document stays deleted", goodWeb + goodDB, goodDB, dbOpen, ""},
		{"S0.4 an empty file deletes", goodWeb, "# nothing\n", "", ""},
		{"S0.4 a broken document keeps what is missing", goodWeb + goodDB, goodDB + brokenAt,
			dbOpen + webOpen, "its last good version stays in force"},
		{"S0.4 a kind that is not known keeps what is missing", goodWeb + goodDB,
			strings.Replace(goodWeb, "NetworkPolicy", "NetworkPolicies", 1) + goodDB,
			dbOpen + webOpen, "its last good version stays in force"},
		{"S0.4 a name that is none keeps what is missing", goodWeb,
			strings.Replace(goodWeb, "name: web", "name: Web", 1), unnamedClosed + webOpen,
			"stays in force"},
		{"S0.4 a Segment's last good version serves its policies", goodZone + goodBorder,
			badZone + goodBorder, borderOpen, "stays in force"},
		{"S0.4 a rejected Segment closes its members and their policies", "",
			badZone + goodBorder, borderClosed + zoneClosed, "its subjects are closed"},
		{"S0.4 a last good version without its Segment is not restored",
			goodZone + goodBorder, goodBorder, "", "its subjects cannot be read"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			first := Load([]File{{Name: "f.yaml", Data: []byte(c.first)}}, nil)
			set := Load([]File{{Name: "f.yaml", Data: []byte(c.second)}}, first.Documents)
			got := withoutDocuments(summary(set))
			if got != c.want {
				t.Errorf("got\n%swant\n%s%v", got, c.want, set.Problems)
			}
			if c.warning != "" && !warns(set.Problems, c.warning) {
				t.Errorf("got %v, want a warning with %q", set.Problems, c.warning)
			}
		})
	}
}

func withoutDocuments(summary string) string {
	before, _, _ := strings.Cut("\n"+summary, "\ndocument ")
	return strings.TrimPrefix(strings.TrimSuffix(before, "\n")+"\n", "\n")
}

func warns(problems []Problem, text string) bool {
	for _, p := range problems {
		if p.Severity == SeverityWarning && strings.Contains(p.String(), text) {
			return true
		}
	}
	return false
}

func TestLastGoodVersionIsStoredOnAndOn(t *testing.T) {
	documents := Load([]File{{Name: "f.yaml", Data: []byte(goodWeb + goodShop)}}, nil).Documents
	for range 3 {
		set := Load([]File{{Name: "f.yaml", Data: []byte(badWeb + badShop)}}, documents)
		if got := withoutDocuments(summary(set)); got != webOpen {
			t.Fatalf("got\n%swant\n%s", got, webOpen)
		}
		if got := set.Namespaces["shop"]["a"]; got != "b" {
			t.Errorf("got label %q, want b", got)
		}
		documents = set.Documents
	}
	set := Load(nil, documents)
	if len(set.Policies)+len(set.Documents)+len(set.Problems) > 0 {
		t.Errorf("got %v, want nothing: no file is left", set)
	}
}

func TestLastGoodItemOfAListKeepsItsMeaning(t *testing.T) {
	list := "kind: List\napiVersion: v1\nitems:\n- &a\n  apiVersion: networking.k8s.io/v1\n" +
		"  kind: NetworkPolicy\n  metadata: {name: web, labels: &l {app: web}}\n" +
		"  spec: {podSelector: {matchLabels: *l}, ingress: [{}]}\n"
	first := Load([]File{{Name: "f.yaml", Data: []byte(list)}}, nil)
	second := Load([]File{{Name: "f.yaml", Data: []byte(badWeb)}}, first.Documents)
	if got := withoutDocuments(summary(second)); got != webOpen {
		t.Errorf("got\n%swant\n%s%v", got, webOpen, second.Problems)
	}
}

func TestLastGoodThatIsDamagedIsNotTrusted(t *testing.T) {
	ref := Ref{Kind: KindNetworkPolicy, Namespace: "default", Name: "web"}
	for name, raw := range map[string]string{
		"other name": strings.Replace(goodWeb, "web", "db", 1),
		"no YAML":    "a: [",
		"nothing":    "",
		"a list":     "kind: List\napiVersion: v1\nitems: []",
		"an error":   badWeb,
	} {
		t.Run(name, func(t *testing.T) {
			last := []Document{{Ref: ref, File: "f.yaml", Line: 1, Raw: []byte(raw)}}
			set := Load([]File{{Name: "f.yaml", Data: []byte(badWeb)}}, last)
			if got := withoutDocuments(summary(set)); got != webClosed {
				t.Errorf("got\n%swant\n%s", got, webClosed)
			}
		})
	}
}
