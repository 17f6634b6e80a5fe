// SPDX-License-Identifier: Apache-2.0

package query_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/query"
)

// TestReasonsAreAllThatRecordsHave reads the list of reasons: one that is missing here could not be
// asked for.
func TestReasonsAreAllThatRecordsHave(t *testing.T) {
	source, err := os.ReadFile("../flow/reason.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`Reason = "([a-z-]+)"`).FindAllSubmatch(source, -1)
	if len(found) < 20 {
		t.Fatalf("got %d reasons, want at least 20", len(found))
	}
	for _, match := range found {
		if reason := flow.Reason(match[1]); !slices.Contains(query.Reasons, reason) {
			t.Errorf("%s cannot be asked for", reason)
		}
	}
}
