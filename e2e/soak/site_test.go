// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

const (
	workersCount = 4
	slots        = 8
	port         = 7000
)

// site is a host with a vault that only its friend may reach, an intruder that is attached like
// everybody else, a stowaway that never is, and slots that come and go.
type site struct {
	net       *testnet.Net
	boxes     map[string]*testnet.Container
	plugs     map[string]testnet.Attachment
	servers   map[string]*testnet.Server
	before    map[string]int // what each server had received when the doors were closed
	stateDir  string
	policyDir string
	binaries  string
	// strangers knock on every door; none is theirs.
	strangers []string
	edits     sync.Mutex
	// agent is that of a node which hasAgent, for one goroutine at a time.
	agent    *agentProcess
	hasAgent bool

	operations, kills atomic.Int64
}

func newSite(t *testing.T) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{net: testnet.New(t), boxes: map[string]*testnet.Container{},
		plugs: map[string]testnet.Attachment{}, servers: map[string]*testnet.Server{},
		before: map[string]int{}, strangers: []string{"intruder", "stowaway"},
		stateDir: filepath.Join(dir, "state"), policyDir: filepath.Join(dir, "policies"),
		binaries: filepath.Join(dir, "bin")}
	build(t, s.binaries)
	if err := os.Mkdir(s.policyDir, 0o700); err != nil {
		t.Fatal(err)
	}
	s.net.Bridge(t, "br0", "10.1.0.1/24", "fd00:1::1/64")
	bridged := []string{"vault", "friend", "stowaway"}
	for i := range slots {
		bridged = append(bridged, fmt.Sprintf("slot%d", i))
	}
	for i, name := range bridged {
		s.boxes[name] = s.net.AddContainer(t, name)
		s.plugs[name] = s.net.AttachBridged(t, s.boxes[name], "br0", testnet.Plug{
			Addresses: []string{fmt.Sprintf("10.1.0.%d/24", 10+i), fmt.Sprintf("fd00:1::%d/64", 10+i)},
			Gateways:  []string{"10.1.0.1", "fd00:1::1"}})
	}
	s.boxes["intruder"] = s.net.AddContainer(t, "intruder")
	s.plugs["intruder"] = s.net.AttachRouted(t, s.boxes["intruder"], testnet.Plug{
		Addresses: []string{"10.2.0.2/32", "fd00:2::2/128"},
		Gateways:  []string{"169.254.1.1", "fd00:2::1"}})
	for _, name := range bridged {
		s.servers[name] = s.boxes[name].Serve(t, "udp", port)
	}
	s.writePolicies(t, "friend")
	return s
}

// build makes the binaries that the soak runs: the real ones.
func build(t *testing.T, into string) {
	t.Helper()
	const module = "github.com/bulkhead-net/bulkhead/cmd/"
	args := []string{"build", "-o", into + "/", module + "bulkhead", module + "bulkheadctl",
		module + "bulkheadd"}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
}

// policies close everything in the namespace soak to all but the friend and one more.
const policies = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: soak}
spec:
  podSelector: {}
  policyTypes: [Ingress]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: friends, namespace: soak}
spec:
  podSelector: {}
  ingress:
  - from:
    - podSelector: {matchLabels: {name: friend}}
    - podSelector: {matchLabels: {name: %s}}
`

func (s *site) writePolicies(t *testing.T, also string) {
	s.edits.Lock()
	defer s.edits.Unlock()
	path := filepath.Join(s.policyDir, "soak.yaml")
	if err := os.WriteFile(path+".new", fmt.Appendf(nil, policies, also), 0o600); err != nil {
		t.Error(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Error(err)
	}
}

// operation is one process of ours, inside the host namespace.
type operation struct {
	site  *site
	name  string
	args  []string
	env   []string
	stdin string
	// drive makes a traced process do something and end, unless it has ended already.
	drive func(pid int, ended <-chan struct{})
}

func (s *site) ctl(args ...string) operation {
	args = append(args, "--state-dir", s.stateDir)
	if args[0] != "uninstall" {
		args = append(args, "--policy-dir", s.policyDir)
	}
	return operation{site: s, name: "bulkheadctl", args: args}
}

// plugin is a CNI verb for a container, as a runtime calls it after the main plugin. On a node
// with an agent it is asked, and without it ADD fails.
func (s *site) plugin(verb, name string) operation { return s.pluginOr(verb, name, "fail") }

// pluginOr says what ADD does while the agent is down.
func (s *site) pluginOr(verb, name, onAgentDown string) operation {
	p := s.plugs[name]
	ips := []map[string]any{}
	for _, a := range p.Addresses {
		ips = append(ips, map[string]any{"address": fmt.Sprintf("%s/%d", a, a.BitLen()), "interface": 1})
	}
	conf := map[string]any{
		"cniVersion": "1.1.0", "name": "soak", "type": "bulkhead",
		"stateDir": s.stateDir, "policyDir": s.policyDir,
		"labels": map[string]string{"name": name},
		"prevResult": map[string]any{
			"cniVersion": "1.1.0",
			"interfaces": []map[string]any{
				{"name": p.HostInterface},
				{"name": p.Interface, "mac": p.MAC.String(), "sandbox": s.boxes[name].Path()},
			},
			"ips": ips,
		},
	}
	if s.hasAgent {
		conf["agentSocket"], conf["onAgentDown"] = s.agentSocket(), onAgentDown
	}
	text, err := json.Marshal(conf)
	if err != nil {
		panic(err)
	}
	return operation{site: s, name: "bulkhead", stdin: string(text), env: []string{
		"CNI_COMMAND=" + verb, "CNI_CONTAINERID=soak-" + name, "CNI_NETNS=" + s.boxes[name].Path(),
		"CNI_IFNAME=" + p.Interface, "CNI_PATH=" + s.binaries,
		"CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=soak;K8S_POD_NAME=" + name}}
}

// killed stands for the output of a process that was killed: what it printed and returned means
// nothing.
const killed = "killed"

// run starts the process and, unless killAfter is zero, kills it that much later.
func (o operation) run(killAfter time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(o.site.binaries, o.name), o.args...)
	cmd.Stdin = strings.NewReader(o.stdin)
	cmd.Env = append(os.Environ(), o.env...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	var err error
	o.site.net.Do(func() { err = cmd.Start() })
	if err != nil {
		return "", err
	}
	o.site.operations.Add(1)
	if killAfter == 0 {
		err = cmd.Wait()
		return out.String(), err
	}
	o.site.kills.Add(1)
	timer := time.AfterFunc(killAfter, func() { cmd.Process.Kill() })
	defer timer.Stop()
	cmd.Wait()
	return killed, nil
}

func (s *site) mustAdd(t *testing.T, name string) {
	t.Helper()
	if out, err := s.plugin("ADD", name).run(0); err != nil {
		t.Fatalf("ADD %s: %v\n%s", name, err, out)
	}
}

// closeBase loads the base that closes every veth before anything is attached.
func (s *site) closeBase(t *testing.T) {
	t.Helper()
	o := operation{site: s, name: "bulkheadd", args: []string{"base", "--kind", "veth",
		"--interface", "br0", "--state-dir", s.stateDir, "--policy-dir", s.policyDir}}
	if out, err := o.run(0); err != nil {
		t.Fatalf("base: %v\n%s", err, out)
	}
	time.Sleep(100 * time.Millisecond) // what was on its way has arrived
	for name, server := range s.servers {
		s.before[name] = len(server.Received())
	}
}

// names lists the doors that the intruder and the stowaway knock on.
func (s *site) names() []string { return slices.Sorted(maps.Keys(s.servers)) }
