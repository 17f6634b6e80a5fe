// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/config"
)

// epoch is the kernel's record of the live epoch.
func (s *site) epoch(t testing.TB) string {
	t.Helper()
	return s.Run(t, "nft", "list", "set", "ip", "bulkhead", "live")
}

// figure is a metric without labels, -1 if nobody serves it.
func (s *site) figure(t testing.TB, name string) float64 {
	t.Helper()
	var c net.Conn
	var err error
	s.Do(func() { c, err = net.Dial("tcp", config.DefaultAgent().Metrics) })
	if err != nil {
		return -1
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err = fmt.Fprint(c, "GET /metrics HTTP/1.0\r\n\r\n"); err != nil {
		return -1
	}
	var text strings.Builder
	for b := make([]byte, 64<<10); err == nil; {
		var n int
		n, err = c.Read(b)
		text.Write(b[:n])
	}
	found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(text.String())
	if found == nil {
		return -1
	}
	v, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatalf("metric %s: %v", name, err)
	}
	return v
}

// resources is what an agent holds of the machine.
type resources struct{ descriptors, threads, goroutines int }

func (p *process) resources(t testing.TB) resources {
	t.Helper()
	count := func(dir string) int {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/%s", p.Process.Pid, dir))
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	return resources{count("fd"), count("task"), int(p.site.figure(t, "go_goroutines"))}
}

// leaks demands that an agent comes back to what it held before. Threads are the Go runtime's: it
// keeps some for system calls that block, and their number is bounded by those at a time.
func (p *process) leaks(t testing.TB, before resources) {
	t.Helper()
	var now resources
	for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); {
		now = p.resources(t)
		if now.descriptors <= before.descriptors && now.goroutines <= before.goroutines &&
			now.threads <= before.threads+4 {
			t.Logf("the agent holds %+v, before %+v", now, before)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("the agent holds: got %+v, want no more than %+v", now, before)
}

var (
	stampWords = regexp.MustCompile(`0x[0-9a-f]{8}`)
	elements   = regexp.MustCompile(`elements = \{([^}]*)\}`)
	dynamic    = regexp.MustCompile(`(?s)(flags dynamic[^}]*?)elements = \{[^}]*\}`)
)

// owned lists our tables without what differs from transaction to transaction: the epoch, the
// generation, counts, what packets have added, and the order of objects and elements.
func (s *site) owned(t testing.TB) string {
	t.Helper()
	var all []string
	for _, family := range []string{"ip", "ip6", "bridge"} {
		text := s.Run(t, "nft", "-s", "list", "table", family, "bulkhead")
		text = stampWords.ReplaceAllString(dynamic.ReplaceAllString(text, "$1"), "STAMP")
		text = elements.ReplaceAllStringFunc(text, func(found string) string {
			list := strings.Split(elements.FindStringSubmatch(found)[1], ",")
			for i := range list {
				list[i] = strings.TrimSpace(list[i])
			}
			slices.Sort(list)
			return "elements = {" + strings.Join(list, ", ") + "}"
		})
		objects := strings.Split(strings.ReplaceAll(text, "\t\t\n", ""), "\n\t}\n")
		for i := range objects {
			objects[i] = family + " " + strings.TrimSpace(objects[i])
		}
		all = append(all, objects...)
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// same demands that our tables list as they did before.
func (s *site) same(t testing.TB, when, before string) {
	t.Helper()
	got, want := strings.Split(s.owned(t), "\n"), strings.Split(before, "\n")
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("%s: got nothing in line %d of our tables, want %q", when, i, want[i])
		case i >= len(want):
			t.Errorf("%s: got %q in line %d of our tables, want nothing", when, got[i], i)
		case got[i] != want[i]:
			t.Errorf("%s: got %q in line %d of our tables, want %q", when, got[i], i, want[i])
		default:
			continue
		}
		return
	}
}
