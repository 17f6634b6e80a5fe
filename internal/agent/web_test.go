// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
)

// get asks the agent's web server, which is reached by a dial function.
func get(t *testing.T, dial func(context.Context) (net.Conn, error), path string) (int, string) {
	t.Helper()
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dial(ctx)
		}}}
	reply, err := client.Get("http://agent" + path)
	if err != nil {
		return 0, err.Error()
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode, string(body)
}

func dialer(network, address string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}
}

// metric is the value of a series on the site's metrics socket, -1 if there is none.
func (s *site) metric(t *testing.T, series string) float64 {
	t.Helper()
	_, text := get(t, dialer("unix", s.metricsSocket()), "/metrics")
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), series+" "); ok {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	return -1
}

// freePort is a loopback address with a port that nobody has.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Metrics and health are served on the loopback, and on a socket that only root may use; readiness
// follows what the agent can do.
func TestWeb(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			s := newSite(t)
			place := freePort(t)
			dial := dialer("tcp", place)
			if network == "unix" {
				place, dial = "unix:"+s.metricsSocket(), dialer("unix", s.metricsSocket())
			}
			s.options.Metrics = place
			s.start(t)
			for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n",
				"/metrics": "\nbulkhead_ready 1\n"} {
				if code, text := get(t, dial, path); code != 200 || !strings.Contains(text, want) {
					t.Errorf("%s: got %d %q, want 200 and %q", path, code, text, want)
				}
			}
			dir := s.options.Node.PolicyDir
			if err := os.Rename(dir, dir+".away"); err != nil {
				t.Fatal(err)
			}
			s.await(t, "not ready", func() bool {
				code, text := get(t, dial, "/readyz")
				return code == 503 && strings.Contains(text, dir)
			})
			if code, text := get(t, dial, "/healthz"); code != 200 {
				t.Errorf("/healthz: got %d %q, want 200: no restart can help", code, text)
			}
			if _, text := get(t, dial, "/metrics"); !strings.Contains(text, "\nbulkhead_ready 0\n") {
				t.Error("bulkhead_ready: got no 0")
			}
			if network == "unix" {
				mode(t, s.metricsSocket(), 0o600)
			}
			mode(t, s.options.Socket, 0o600)
		})
	}
}

func mode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != want {
		t.Errorf("%s: got mode %04o, want %04o", path, got, want)
	}
}

// An agent that waits for its predecessor leaves its place for metrics alone, and has it after.
func TestSuccessorServesTheSamePlace(t *testing.T) {
	s := newSite(t)
	s.options.Metrics = freePort(t)
	dial := dialer("tcp", s.options.Metrics)
	first := s.start(t)
	s.launch(t, s.options)
	time.Sleep(200 * time.Millisecond)
	if code, text := get(t, dial, "/readyz"); code != 200 {
		t.Errorf("of the first: got %d %q, want 200", code, text)
	}
	first()
	s.await(t, "the second's", func() bool {
		code, _ := get(t, dial, "/readyz")
		return code == 200
	})
}

var seriesOf = regexp.MustCompile(`(?m)^(bulkhead_[a-z_]+(?:\{[^}]*\})?) `)

// Who attaches and what policies say changes no set of series: their number is bounded.
func TestSeriesAreBounded(t *testing.T) {
	s := newSite(t)
	s.options.Metrics = "unix:" + s.metricsSocket()
	s.start(t)
	churn := func(round int) {
		s.write(t, "b.yaml", strings.ReplaceAll(onlyAReachesB, "name: b,",
			fmt.Sprintf("name: b%d,", round)))
		for _, name := range []string{"a", "b", "x"} {
			a := s.attachment(name)
			a.Endpoint.Name = fmt.Sprintf("%s%d", name, round)
			a.Endpoint.Labels = map[string]string{fmt.Sprintf("k%d", round): "v"}
			s.must(t, agentapi.Request{Verb: agentapi.VerbAttach, Attach: &a})
		}
		s.must(t, agentapi.Request{Verb: agentapi.VerbApply})
		s.must(t, agentapi.Request{Verb: agentapi.VerbQuarantine,
			Quarantine: &agentapi.Quarantine{Endpoint: id("a"),
				Reason: fmt.Sprintf("round %d", round)}})
		s.must(t, agentapi.Request{Verb: agentapi.VerbRelease,
			Release: &agentapi.Release{Endpoint: id("a")}})
		_ = s.ask(t, agentapi.Request{Verb: agentapi.VerbRelease,
			Release: &agentapi.Release{Endpoint: fmt.Sprintf("nobody%d/eth0", round)}}, nil)
		for _, name := range []string{"a", "b", "x"} {
			s.detach(t, name)
		}
	}
	series := func() []string {
		var all []string
		_, text := get(t, dialer("unix", s.metricsSocket()), "/metrics")
		for _, found := range seriesOf.FindAllStringSubmatch(text, -1) {
			all = append(all, found[1])
		}
		return all
	}
	churn(1)
	churn(2)
	first := series()
	for round := range 5 {
		churn(3 + round)
	}
	if len(first) < 50 {
		t.Errorf("series: got %d, want at least 50", len(first))
	}
	for _, one := range series() {
		if !slices.Contains(first, one) && !strings.Contains(one, "flows=") {
			t.Errorf("series %s: came with an endpoint, a policy or a label", one)
		}
	}
}
