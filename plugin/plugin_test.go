// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/link"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
	"github.com/bulkhead-net/bulkhead/policy"
)

// fakeNode is a node whose kernel is its registry.
type fakeNode struct {
	attachments []endpoint.Attachment
	notes       []string
	// attachErr, detachErr and drift are what the kernel says.
	attachErr, detachErr, drift error
	// hold is the reason for which what is attached was in quarantine before; empty for none.
	hold string
	// wait keeps Attach busy until its context ends.
	wait   bool
	opened int
}

func (n *fakeNode) Attach(ctx context.Context, a endpoint.Attachment) ([]string, error) {
	if n.wait {
		<-ctx.Done()
		return nil, fmt.Errorf("apply: %w", ctx.Err())
	}
	if n.attachErr != nil {
		return nil, n.attachErr
	}
	if err := a.Validate(); err != nil {
		return nil, err
	}
	n.remove(func(old endpoint.Attachment) bool { return old.Endpoint.ID == a.Endpoint.ID })
	if n.hold != "" {
		a.Endpoint.Quarantine, a.QuarantineReason = &policy.Quarantine{}, n.hold
	}
	n.attachments = append(n.attachments, a)
	return n.notes, nil
}

func (n *fakeNode) Detach(_ context.Context, match func(endpoint.Attachment) bool) error {
	n.remove(match)
	return n.detachErr
}

func (n *fakeNode) remove(match func(endpoint.Attachment) bool) {
	n.attachments = slices.DeleteFunc(n.attachments, match)
}

func (n *fakeNode) Check(context.Context, string) error  { return n.drift }
func (n *fakeNode) Attachments() []endpoint.Attachment   { return slices.Clone(n.attachments) }
func (n *fakeNode) Close() error                         { n.opened--; return nil }
func (n *fakeNode) one(t *testing.T) endpoint.Attachment { t.Helper(); return n.many(t, 1)[0] }
func (n *fakeNode) none(t *testing.T)                    { t.Helper(); n.many(t, 0) }
func (n *fakeNode) many(t *testing.T, want int) (all []endpoint.Attachment) {
	t.Helper()
	if len(n.attachments) != want {
		t.Fatalf("attachments: got %v, want %d", n.attachments, want)
	}
	if n.opened != 0 {
		t.Errorf("node: got %d not closed, want 0", n.opened)
	}
	return n.attachments
}

// fakeLinks is a host where every CNI_IFNAME has one host end.
type fakeLinks struct {
	port     link.Port
	err      error
	isolated map[string]bool
}

func (l *fakeLinks) FindPort(_, ifname string) (link.Port, error) {
	if ifname == "none0" {
		return link.Port{}, fs.ErrNotExist
	}
	p := l.port
	p.Isolated = l.isolated[p.Name]
	return p, l.err
}

func (l *fakeLinks) SetIsolated(port string, on bool) error {
	if l.port.Bridge == "" {
		return errors.New("not a port of a bridge")
	}
	l.isolated[port] = on
	return nil
}

// bench is a plugin on a fake host, with a real network namespace as its container.
type bench struct {
	*testing.T
	node    *fakeNode
	links   *fakeLinks
	plugin  Plugin
	agent   *fakeAgent
	openErr error
	// owner is whose the node is; then it opens for that agent's socket alone.
	owner    string
	ownerErr error
	missing  []string
	closed   bool
	netns    string
	env      map[string]string
	// settings, stderr, readOnly and opens, how often the node was opened, are of the last call.
	settings Settings
	stderr   string
	readOnly bool
	opens    int
}

const testMAC = "0a:58:0a:01:00:05"

func newBench(t *testing.T) *bench {
	mac, err := net.ParseMAC(testMAC)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{T: t, node: &fakeNode{}, links: &fakeLinks{
		port:     link.Port{Name: "veth1", Index: 7, Kind: "veth", Bridge: "br0", MAC: mac},
		isolated: map[string]bool{},
	}}
	b.netns = testnet.NewNamespace(t, "container").Path()
	b.env = map[string]string{"CNI_CONTAINERID": "web1", "CNI_NETNS": b.netns,
		"CNI_IFNAME": "eth0", "CNI_PATH": "/opt/cni/bin"}
	b.agent = &fakeAgent{node: b.node}
	b.plugin = Plugin{
		OpenNode: func(ctx context.Context, s Settings) (Node, error) {
			b.settings = s
			b.opens++
			if b.openErr != nil {
				return nil, b.openErr
			}
			if s.AgentSocket != b.owner && b.owner != "" {
				return nil, fmt.Errorf("%w: belongs to %s", endpoint.ErrOwned, b.owner)
			}
			b.node.opened++
			return b.node, ctx.Err()
		},
		FindOwner: func(Settings) (string, error) { return b.owner, b.ownerErr },
		CallAgent: b.agent.call,
		OpenReadOnly: func(_ context.Context, s Settings) (Node, error) {
			b.settings, b.readOnly = s, true
			b.node.opened++
			return b.node, nil
		},
		OpenLinks: func() (Links, error) { return b.links, nil },
		Preview: func(_ context.Context, _ Settings, a endpoint.Attachment) (string, error) {
			return "would attach " + a.Endpoint.ID + "\n", nil
		},
		Probe:   func(context.Context, Settings) ([]string, bool) { return b.missing, b.closed },
		Timeout: 10 * time.Second,
	}
	return b
}

// run makes one call; stdin is the conf.
func (b *bench) run(command, stdin string) (exit int, stdout string) {
	var out, log bytes.Buffer
	b.settings, b.readOnly, b.opens = Settings{}, false, 0
	exit = b.plugin.Run(Streams{
		Getenv: func(key string) string {
			if key == "CNI_COMMAND" {
				return command
			}
			return b.env[key]
		},
		Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &log,
	})
	b.stderr = log.String()
	return exit, out.String()
}

// ok makes a call that must succeed and returns its output.
func (b *bench) ok(command, stdin string) string {
	b.Helper()
	exit, out := b.run(command, stdin)
	if exit != 0 {
		b.Fatalf("%s: got exit %d, want 0\n%s%s", command, exit, out, b.stderr)
	}
	return out
}

// fails makes a call that must fail with a code and a message that has all of the words.
func (b *bench) fails(command, stdin string, want Code, words ...string) {
	b.Helper()
	exit, out := b.run(command, stdin)
	var got struct {
		CNIVersion string
		Code       Code
		Msg        string
		Details    string
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || exit != 1 {
		b.Fatalf("%s: got exit %d and %q, want 1 and an error", command, exit, out)
	}
	if got.Code != want || got.CNIVersion == "" {
		b.Errorf("%s: got code %d (%s), want %d", command, got.Code, got.Msg, want)
	}
	for _, w := range words {
		if !strings.Contains(got.Msg+got.Details, w) {
			b.Errorf("%s: got message %q, want %q in it", command, got.Msg, w)
		}
	}
}

const bridgeResult = `{"cniVersion": "1.0.0",
  "interfaces": [{"name": "br0", "mac": "02:00:00:00:00:01"}, {"name": "veth1"},
    {"name": "eth0", "mac": "0A:58:0a:01:00:05", "sandbox": "/run/netns/x"}],
  "ips": [{"interface": 2, "address": "10.1.0.5/24", "gateway": "10.1.0.1"},
    {"interface": 2, "address": "fd00::5/64"}], "routes": [{"dst": "0.0.0.0/0"}],
  "vendor": {"a": [1.50, null]}, "dns": {}}`

// confWith is a conf of version 1.0.0 with more keys and, unless empty, a prevResult.
func confWith(more, prevResult string) string {
	s := `{"cniVersion": "1.0.0", "name": "net1", "type": "bulkhead"`
	if more != "" {
		s += ", " + more
	}
	if prevResult != "" {
		s += `, "prevResult": ` + prevResult
	}
	return s + "}"
}

// versioned replaces the version of a conf and its prevResult.
func versioned(conf, version string) string {
	return strings.ReplaceAll(conf, `"1.0.0"`, `"`+version+`"`)
}
