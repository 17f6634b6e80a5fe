// SPDX-License-Identifier: Apache-2.0

package cni_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// limit bounds one operation of a runtime: all plugins of a list.
const limit = time.Minute

// host is a node with a runtime, in a network namespace.
type host struct {
	*testnet.Net
	cni *libcni.CNIConfig
	// state and policies are the directories of the plugin, ipam of host-local.
	state, policies, ipam string

	mu sync.Mutex
	// log is what plugins printed on stderr.
	log bytes.Buffer
}

func newHost(t *testing.T) *host {
	t.Helper()
	dir := t.TempDir()
	h := &host{Net: testnet.New(t), state: filepath.Join(dir, "state"),
		policies: filepath.Join(dir, "policies"), ipam: filepath.Join(dir, "ipam")}
	if err := os.Mkdir(h.policies, 0o755); err != nil {
		t.Fatal(err)
	}
	h.cni = libcni.NewCNIConfigWithCacheDir([]string{binaries}, filepath.Join(dir, "cache"), h)
	return h
}

// ExecPlugin makes a host a libcni Exec whose plugins run in the host's namespace.
func (h *host) ExecPlugin(ctx context.Context, path string, stdin []byte, env []string) (
	[]byte, error) {
	cmd := exec.CommandContext(ctx, path)
	cmd.Env = env
	out, log, err := h.exec(cmd, stdin)
	h.mu.Lock()
	h.log.Write(log)
	h.mu.Unlock()
	if err == nil {
		return out, nil
	}
	var known types.Error
	if json.Unmarshal(out, &known) != nil || known.Code == 0 {
		return nil, fmt.Errorf("%s: %w: %s%s", path, err, out, log)
	}
	return nil, &known
}

// FindInPath is part of libcni's Exec.
func (h *host) FindInPath(plugin string, paths []string) (string, error) {
	return invoke.FindInPath(plugin, paths)
}

// Decode is part of libcni's Exec.
func (h *host) Decode(text []byte) (version.PluginInfo, error) {
	return (&version.PluginDecoder{}).Decode(text)
}

// exec runs a command in the host's namespace.
func (h *host) exec(cmd *exec.Cmd, stdin []byte) (stdout, stderr []byte, err error) {
	var out, log bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &out, &log
	h.Do(func() { err = cmd.Start() })
	if err == nil {
		err = cmd.Wait()
	}
	return out.Bytes(), log.Bytes(), err
}

// policy writes a file into the policy directory.
func (h *host) policy(t *testing.T, text string) {
	t.Helper()
	path := filepath.Join(h.policies, "test.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// object is a JSON object.
type object = map[string]any

// list is a network whose last plugin is ours; more are keys of our conf.
func (h *host) list(t *testing.T, name, version string,
	main, more object) *libcni.NetworkConfigList {
	t.Helper()
	last := object{"type": "bulkhead", "stateDir": h.state, "policyDir": h.policies}
	for k, v := range more {
		last[k] = v
	}
	text, err := json.Marshal(object{"cniVersion": version, "name": name,
		"plugins": []any{main, last}})
	if err != nil {
		t.Fatal(err)
	}
	list, err := libcni.NetworkConfFromBytes(text)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// bridge and ptp are the first plugin of a network with the given third byte of its subnets.
func (h *host) bridge(n int) object {
	return object{"type": "bridge", "bridge": fmt.Sprintf("cni%d", n), "isGateway": true,
		"ipam": h.hostLocal(n)}
}

func (h *host) ptp(n int) object { return object{"type": "ptp", "ipam": h.hostLocal(n)} }

func (h *host) hostLocal(n int) object {
	subnet := func(s string, n int) []object { return []object{{"subnet": fmt.Sprintf(s, n)}} }
	return object{"type": "host-local", "dataDir": h.ipam,
		"ranges": [][]object{subnet("10.88.%d.0/24", n), subnet("fd00:88:%d::/64", n)},
		"routes": []object{{"dst": "0.0.0.0/0"}, {"dst": "::/0"}}}
}

// attachment is a container with what ADD answered for one of its interfaces.
type attachment struct {
	*testnet.Container
	list   *libcni.NetworkConfigList
	rt     *libcni.RuntimeConf
	result *current.Result
	v4, v6 netip.Addr
}

// attach makes a container and adds it to a network as eth0; args are pairs of CNI_ARGS.
func (h *host) attach(t *testing.T, list *libcni.NetworkConfigList, id string,
	args ...string) *attachment {
	t.Helper()
	a := h.prepare(t, list, id, args...)
	if err := h.add(a); err != nil {
		t.Fatalf("ADD %s: %v", id, err)
	}
	return a
}

func (h *host) prepare(t *testing.T, list *libcni.NetworkConfigList, id string,
	args ...string) *attachment {
	t.Helper()
	a := &attachment{Container: h.AddContainer(t, id), list: list}
	a.rt = &libcni.RuntimeConf{ContainerID: id, NetNS: a.Path(), IfName: "eth0",
		Args: [][2]string{{"IgnoreUnknown", "1"}}}
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		a.rt.Args = append(a.rt.Args, [2]string{key, value})
	}
	return a
}

func (h *host) add(a *attachment) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	r, err := h.cni.AddNetworkList(ctx, a.list, a.rt)
	if err != nil {
		return err
	}
	if a.result, err = current.GetResult(r); err != nil {
		return err
	}
	for _, ip := range a.result.IPs {
		addr, ok := netip.AddrFromSlice(ip.Address.IP)
		if addr = addr.Unmap(); !ok {
			return fmt.Errorf("result: address %v", ip.Address)
		}
		if addr.Is4() {
			a.v4 = addr
		} else {
			a.v6 = addr
		}
	}
	return nil
}

func (h *host) check(a *attachment) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return h.cni.CheckNetworkList(ctx, a.list, a.rt)
}

func (h *host) del(a *attachment) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return h.cni.DelNetworkList(ctx, a.list, a.rt)
}

// registered counts the attachments on disk; unfinished files count as well, since nothing
// would ever finish them.
func (h *host) registered(t *testing.T) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(h.state, "endpoints", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

// wantNothing fails if something of ours is left in the kernel or the registry.
func (h *host) wantNothing(t *testing.T) {
	t.Helper()
	if out := h.Run(t, "nft", "list", "ruleset"); strings.TrimSpace(out) != "" {
		t.Errorf("rules: got %s, want none", out)
	}
	if n := h.registered(t); n != 0 {
		t.Errorf("registry: got %d attachments, want 0", n)
	}
}

// wantCode fails unless err is a CNI error with that code and all of the words.
func wantCode(t *testing.T, err error, code uint, words ...string) {
	t.Helper()
	var known *types.Error
	if !errors.As(err, &known) || known.Code != code {
		t.Errorf("got %v, want code %d", err, code)
		return
	}
	for _, w := range words {
		if !strings.Contains(known.Msg+known.Details, w) {
			t.Errorf("got %q, want %q in it", known.Msg, w)
		}
	}
}
