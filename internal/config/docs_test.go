// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/compile"
)

// The manual has every key in its section's table with its default, and its example is accepted.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/agent.md")
	if err != nil {
		t.Fatal(err)
	}
	d, b, kept := DefaultAgent(), compile.DefaultConfig(), DefaultDenials()
	defaults := map[string]string{"policyDir": d.PolicyDir, "stateDir": d.StateDir,
		"metrics": d.Metrics, "resync": d.Resync.String(),
		"logLevel": strings.ToLower(d.LogLevel.String()), "socket": "agent.sock",
		"epochMask":  fmt.Sprintf("0x%08x", b.EpochMask),
		"passedMark": fmt.Sprintf("0x%08x", b.PassedMark), "logGroup": fmt.Sprint(b.LogGroup),
		"allowEncapsulation": fmt.Sprint(b.AllowEncapsulation),
		"interval":           kept.Interval.String(), "enabled": fmt.Sprint(kept.Enabled),
		"directory":      kept.Directory,
		"journalFileMiB": fmt.Sprint(kept.JournalFileMiB),
		"journalMiB":     fmt.Sprint(kept.JournalMiB), "journalAge": kept.JournalAge.String(),
		"spoolMiB": fmt.Sprint(kept.SpoolMiB)}
	p := &parser{}
	keys := p.baseKeys()
	maps.Copy(keys, p.agentKeys())
	maps.Copy(keys, p.denialsKeys())
	rows := regexp.MustCompile("(?m)^\\| `([A-Za-z]+)` \\| [^|]+ \\| ([^|]*) \\|")
	for _, row := range rows.FindAllStringSubmatch(string(text), -1) {
		key, got := row[1], row[2]
		if keys[key] == nil {
			t.Errorf("docs/agent.md: key %s is not read, or stated twice", key)
		}
		if want, ok := defaults[key]; ok && !strings.Contains(got, "`"+want+"`") {
			t.Errorf("docs/agent.md: default of %s: got %s, want `%s`", key, got, want)
		}
		delete(keys, key)
	}
	for key := range keys {
		t.Errorf("docs/agent.md: got no row for %s", key)
	}
	example := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindSubmatch(text)
	if example == nil {
		t.Fatal("docs/agent.md: got no example")
	}
	c, err := Parse("docs/agent.md", example[1])
	if err != nil || !c.HasBase || c.Agent != d {
		t.Errorf("example: got %+v, %v, want a base and the default agent", c, err)
	}
}
