// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bulkhead-net/bulkhead/internal/denials"
	"github.com/bulkhead-net/bulkhead/internal/node"
)

var (
	describedName   = regexp.MustCompile(`fqName: "(bulkhead_[a-z_]+)"`)
	describedLabels = regexp.MustCompile(`variableLabels: \{([^}]*)\}`)
	documentedRow   = regexp.MustCompile("(?m)^\\| `(bulkhead_[a-z_]+)` \\| ([^|]*)\\| ([^|]*)\\|$")
)

// The manual lists every metric with its labels and states, and none that does not exist.
func TestDocumentedMetrics(t *testing.T) {
	text, err := os.ReadFile("../../docs/agent.md")
	if err != nil {
		t.Fatal(err)
	}
	manual := map[string]string{} // labels by name
	for _, row := range documentedRow.FindAllStringSubmatch(string(text), -1) {
		labels := strings.NewReplacer("`", "", " ", "").Replace(row[2])
		manual[row[1]] = labels
	}
	descriptions := make(chan *prometheus.Desc, 1000)
	newMetrics().registry.Describe(descriptions)
	denials.DescribeMetrics(descriptions)
	close(descriptions)
	found := 0
	for d := range descriptions {
		name := describedName.FindStringSubmatch(d.String())
		if name == nil {
			continue // of the runtime
		}
		found++
		want := describedLabels.FindStringSubmatch(d.String())[1]
		if got, ok := manual[name[1]]; !ok || got != want {
			t.Errorf("docs/agent.md: %s: got labels %q, %v, want %q", name[1], got, ok, want)
		}
		delete(manual, name[1])
	}
	if found != 22 {
		t.Errorf("metrics: got %d, want 22", found)
	}
	for name := range manual {
		t.Errorf("docs/agent.md: %s does not exist", name)
	}
	for _, state := range node.PolicyStandings {
		if !strings.Contains(string(text), "`"+string(state)+"`") {
			t.Errorf("docs/agent.md: got no state `%s`", state)
		}
	}
}

// The manual lists every task.
func TestDocumentedTasks(t *testing.T) {
	text, err := os.ReadFile("../../docs/agent.md")
	if err != nil {
		t.Fatal(err)
	}
	a := &Agent{}
	a.setTasks()
	for _, task := range a.tasks {
		if !strings.Contains(string(text), "\n| "+task.name+" | ") {
			t.Errorf("docs/agent.md: got no task %s", task.name)
		}
	}
}
