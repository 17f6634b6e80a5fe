// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// agents measures a node with its agent: how soon the kernel follows a policy file, how long a
// container start waits, how soon rules that somebody flushed are back, and how long a start takes.
func agents(ctx context.Context, _ *rig, r *results) {
	for _, endpoints := range []int{10, 250, 1000} {
		must(guarded(func(g *rig) { agentAt(ctx, g, r, endpoints) }))
	}
	must(guarded(func(g *rig) { flushes(ctx, g, r) }))
	for _, start := range []struct {
		endpoints int
		bound     float64
	}{{110, 1000}, {250, 2000}, {1000, 5000}} {
		must(guarded(func(g *rig) { coldStarts(ctx, g, r, start.endpoints, start.bound) }))
	}
}

// daemon is a process of "bulkheadd agent".
type daemon struct {
	site *site
	cmd  *exec.Cmd
}

func (s *site) socket() string { return filepath.Join(s.options.StateDir, "agent.sock") }

// records is where the agent keeps what it tells of refused packets.
func (s *site) records() string {
	return filepath.Join(filepath.Dir(s.options.StateDir), "denials")
}

// startAgent starts an agent and returns how long it took until it was ready.
func (s *site) startAgent(g *rig, r *results) (*daemon, time.Duration) {
	cmd := exec.Command(filepath.Join(r.options.bin, "bulkheadd"), "agent", "--config",
		filepath.Join(filepath.Dir(s.options.StateDir), "bulkheadd.yaml"),
		"--state-dir", s.options.StateDir, "--policy-dir", s.options.PolicyDir, "--metrics", "off",
		"--denials-dir", filepath.Join(filepath.Dir(s.options.StateDir), "denials"))
	must(os.WriteFile(cmd.Args[3], nil, 0o600))
	start := time.Now()
	startLasting(g, func(f func()) { s.net.Do(f) }, cmd)
	d := &daemon{s, cmd}
	s.agent = s.socket()
	g.Cleanup(d.kill)
	for time.Since(start) < time.Minute {
		var ready agentapi.Ready
		reply, err := s.call(agentapi.Request{Verb: agentapi.VerbReady})
		if err == nil && reply.Decode(&ready) == nil && len(ready.Missing) == 0 {
			return d, time.Since(start)
		}
		time.Sleep(time.Millisecond)
	}
	g.Fatalf("agent: not ready within a minute")
	return nil, 0
}

// startLasting starts a process that dies with the bench. The kernel lets it die with the thread
// that started it, and threads that were pinned end: so one is kept for it until the rig is closed.
func startLasting(g *rig, inside func(func()), cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, over := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var err error
		inside(func() { err = cmd.Start() })
		started <- err
		<-over
	}()
	g.Cleanup(func() { close(over) })
	must(<-started)
}

func (d *daemon) kill() {
	_ = d.cmd.Process.Kill()
	_ = d.cmd.Wait() // killed
}

func (s *site) call(q agentapi.Request) (agentapi.Reply, error) {
	ctx, cancel := context.WithTimeout(background, 30*time.Second)
	defer cancel()
	return agentapi.Call(ctx, s.socket(), q)
}

// memory is what a process has, and the most it had, in MiB.
func (d *daemon) memory() (now, peak float64) {
	text := string(need(os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))))
	for key, into := range map[string]*float64{"VmRSS:": &now, "VmHWM:": &peak} {
		_, rest, _ := strings.Cut(text, key)
		need(fmt.Sscanf(rest, "%f", into))
		*into /= 1024
	}
	return now, peak
}

// register writes attachments, as a plugin does, and leaves the kernel alone.
func (s *site) register(endpoints int) {
	must(os.MkdirAll(s.options.StateDir, 0o700))
	registry := need(endpoint.Open(s.options.StateDir))
	for i := range endpoints {
		a := attachmentOf(i)
		a.Created = time.Unix(int64(i), 0).UTC()
		must(registry.Put(a))
	}
}

// commits tells of each transaction on our tables, from outside.
func (s *site) commits(g *rig) <-chan nft.Event {
	k := need(nft.Open(nft.Options{NetNS: s.net.FD()}))
	ctx, cancel := context.WithCancel(background)
	g.Cleanup(func() { cancel(); k.Close() })
	return need(k.Watch(ctx))
}

// nextCommit waits for the next one and returns when it came.
func nextCommit(g *rig, events <-chan nft.Event, what string) time.Time {
	select {
	case e := <-events:
		must(e.Err)
		return time.Now()
	case <-time.After(10 * time.Second):
		g.Fatalf("%s: no transaction within 10 s", what)
	}
	return time.Time{}
}

// nextEpoch waits for the transaction that ends an epoch and returns when it came. An edit begins a
// new one, which removing counters that the account has read does not.
func nextEpoch(g *rig, events <-chan nft.Event, k *nft.Kernel, old []uint32) time.Time {
	for {
		at := nextCommit(g, events, "edit")
		if !slices.Equal(need(k.Live()), old) {
			return at
		}
	}
}

// agentAt measures edits and container starts on a node of a size.
func agentAt(ctx context.Context, g *rig, r *results, endpoints int) {
	s := newSite(g, manyPolicies)
	s.populate(endpoints)
	d, _ := s.startAgent(g, r)
	events := s.commits(g)
	reader := need(nft.Open(nft.Options{NetNS: s.net.FD()}))
	g.Cleanup(func() { reader.Close() })
	var edit []float64
	for i := range 100 {
		must(ctx.Err())
		path := filepath.Join(s.options.PolicyDir, "p00007.yaml")
		text := servicePolicy(7+manyPolicies*(1+i%2), "app7")
		must(os.WriteFile(path+".new", []byte(text), 0o600))
		epoch := need(reader.Live())
		start := time.Now()
		must(os.Rename(path+".new", path))
		edit = append(edit, ms(nextEpoch(g, events, reader, epoch).Sub(start)))
		time.Sleep(80 * time.Millisecond) // beyond the rest between two reloads
	}
	name := fmt.Sprintf("%d endpoints, %d policies, agent: ", endpoints, manyPolicies)
	p50 := r.sample(name+"policy file renamed to commit", "ms", edit)
	r.atMost("agent", name+"policy file to enforced, median", p50, 50, "ms", "")
	r.atMost("agent", name+"policy file to enforced, p99", quantile(edit, 0.99), 500, "ms", "")
	s.agentStarts(ctx, g, r, name, endpoints)
	now, peak := d.memory()
	r.sample(name+"RSS", "MiB", []float64{now})
	r.sample(name+"peak RSS", "MiB", []float64{peak})
}

// agentStarts measures ADD through the agent as a runtime sees it.
func (s *site) agentStarts(ctx context.Context, g *rig, r *results, name string, endpoints int) {
	box := s.net.AddContainer(g, "box")
	plug := s.net.AttachRouted(g, box, testnet.Plug{Addresses: []string{"10.1.0.2/32"},
		Gateways: []string{"169.254.1.1"}})
	empty := filepath.Join(r.options.bin, "empty")
	var add, del, floor []float64
	for i := range 60 {
		must(ctx.Err())
		floor = append(floor, ms(timedCommand(g, s.net.Namespace, exec.Command(empty)).wall))
		id := fmt.Sprintf("cni%d", i)
		add = append(add, ms(timedCommand(g, s.net.Namespace,
			s.pluginCall(r, "ADD", id, box, plug)).wall))
		del = append(del, ms(timedCommand(g, s.net.Namespace,
			s.pluginCall(r, "DEL", id, box, plug)).wall))
	}
	p50 := r.sample(name+"CNI ADD", "ms", add)
	r.sample(name+"CNI DEL", "ms", del)
	base := r.sample(name+"start of an empty Go program", "ms", floor)
	if endpoints == 250 {
		r.atMost("10", name+"CNI ADD, median", p50, 25, "ms", fmt.Sprintf(
			"p99 %.1f ms, %.1f times an empty program", quantile(add, 0.99), p50/base))
	}
}

// coldStarts measures the way from a start with registered endpoints and an empty kernel, as after
// a boot, to ready.
func coldStarts(ctx context.Context, g *rig, r *results, endpoints int, bound float64) {
	var took []float64
	for range 5 {
		must(ctx.Err())
		must(guarded(func(g *rig) {
			s := newSite(g, manyPolicies)
			s.register(endpoints)
			_, d := s.startAgent(g, r)
			took = append(took, ms(d))
		}))
	}
	name := fmt.Sprintf("cold start, %d endpoints, %d policies", endpoints, manyPolicies)
	r.sample(name, "ms", took)
	r.atMost("agent", name+", worst of 5", quantile(took, 1), bound, "ms", "")
}
