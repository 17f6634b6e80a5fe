// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

const loadElements = 100_000

// loads compares a process of ours that loads many elements with nft doing the same, and says
// what the elements occupy in the kernel.
func loads(ctx context.Context, g *rig, r *results) {
	dir := need(os.MkdirTemp("/run", "bench-load-"))
	g.Cleanup(func() { os.RemoveAll(dir) })
	text := filepath.Join(dir, "load.nft")
	must(os.WriteFile(text, []byte(loadText()), 0o600))
	var ours, nfts, oursRSS, nftRSS, pairs []float64
	for range 7 {
		must(ctx.Err())
		o := timed(g, "/proc/self/exe", loadRole)
		n := timed(g, "nft", "-f", text)
		ours, nfts = append(ours, ms(o.wall)), append(nfts, ms(n.wall))
		oursRSS = append(oursRSS, peakRSS(g, testnet.NewNamespace(g, "load"),
			exec.Command("/proc/self/exe", loadRole)))
		nftRSS = append(nftRSS, peakRSS(g, testnet.NewNamespace(g, "load"),
			exec.Command("nft", "-f", text)))
		pairs = append(pairs, float64(o.wall)/float64(n.wall))
	}
	name := fmt.Sprintf("cold load of %d elements: ", loadElements)
	r.sample(name+"ours", "ms", ours)
	r.sample(name+"nft -f", "ms", nfts)
	rss := r.sample(name+"peak RSS, ours", "MiB", oursRSS)
	nftPeak := r.sample(name+"peak RSS, nft -f", "MiB", nftRSS)
	r.atMost("9", name+"ours / nft -f", median(pairs), 1.2, "x", "")
	r.atMost("9", name+"peak RSS, ours / nft -f", rss/nftPeak, 0.5, "x", "")
	kernelMemory(r)
}

// process is what a child process took.
type process struct {
	wall, cpu time.Duration
}

// timed runs a program in a fresh namespace.
func timed(g *rig, name string, args ...string) process {
	cmd := exec.Command(name, args...)
	return timedCommand(g, testnet.NewNamespace(g, "load"), cmd)
}

func timedCommand(g *rig, n *testnet.Namespace, cmd *exec.Cmd) process {
	var out bytes.Buffer
	cmd.Stderr = &out
	if cmd.Stdout == nil {
		cmd.Stdout = &out
	}
	var err error
	start := time.Now()
	n.Do(func() { err = cmd.Start() })
	must(err)
	err = cmd.Wait()
	p := process{wall: time.Since(start)}
	p.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if err != nil {
		g.Fatalf("%s: %v\n%s", cmd.Path, err, out.String())
	}
	return p
}

// peakRSS runs a program and returns the most memory that it was seen with, in MiB. It looks all
// the time: what the kernel says at the end counts the memory of whoever started the program.
func peakRSS(g *rig, n *testnet.Namespace, cmd *exec.Cmd) float64 {
	var err error
	n.Do(func() { err = cmd.Start() })
	must(err)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	status := fmt.Sprintf("/proc/%d/status", cmd.Process.Pid)
	peak := 0.0
	for {
		select {
		case err := <-ended:
			if err != nil {
				g.Fatalf("%s: %v", cmd.Path, err)
			}
			return peak
		default:
		}
		text, _ := os.ReadFile(status) // gone once the program has ended
		if _, rest, found := strings.Cut(string(text), "VmHWM:"); found {
			kib := 0.0
			need(fmt.Sscanf(rest, "%f", &kib))
			peak = max(peak, kib/1024)
		}
	}
}

// loadChild is the process that loads.
func loadChild(ctx context.Context) error {
	k, err := nft.Open(nft.Options{})
	if err != nil {
		return err
	}
	defer k.Close()
	return k.Apply(ctx, ruleset.Diff(nil, loadRuleset(loadElements)))
}

func loadRuleset(n int) *ruleset.Ruleset {
	set := ruleset.Set{Name: "peers", Types: []ruleset.Type{ruleset.TypeIPv4},
		Elements: make([]ruleset.Element, n)}
	for i := range set.Elements {
		set.Elements[i].Key = ruleset.Addr(peerAddress(i))
	}
	return &ruleset.Ruleset{Tables: []ruleset.Table{{Family: ruleset.IP,
		Sets: []ruleset.Set{set}}}}
}

func loadText() string {
	var b strings.Builder
	b.WriteString("table ip bulkhead {\n\tset peers {\n\t\ttype ipv4_addr\n\t\telements = {\n")
	for i := range loadElements {
		fmt.Fprintf(&b, "\t\t\t%s,\n", peerAddress(i))
	}
	b.WriteString("\t\t}\n\t}\n}\n")
	return b.String()
}

// memoryElements are enough for the rest of the machine not to show beside them.
const memoryElements = 1_000_000

// kernelMemory is how much the kernel's own memory grows with the elements.
func kernelMemory(r *results) {
	var each []float64
	for range 5 {
		must(guarded(func(g *rig) {
			n := testnet.NewNamespace(g, "memory")
			k := need(nft.Open(nft.Options{NetNS: n.FD()}))
			g.Cleanup(func() { k.Close() })
			before := kernelBytes()
			must(k.Apply(background, ruleset.Diff(nil, loadRuleset(memoryElements))))
			each = append(each, float64(kernelBytes()-before)/memoryElements)
			must(k.Remove()) // the next one must not find it half gone
			for deadline := time.Now().Add(5 * time.Second); kernelBytes() >
				before+memoryElements*10 && time.Now().Before(deadline); {
				time.Sleep(50 * time.Millisecond)
			}
		}))
	}
	r.sample("kernel memory (slab and vmalloc) for each element", "B", each)
}

func kernelBytes() int64 {
	var sum int64
	for line := range strings.Lines(string(need(os.ReadFile("/proc/meminfo")))) {
		var kib int64
		for _, name := range []string{"Slab:", "VmallocUsed:"} {
			if rest, ok := strings.CutPrefix(line, name); ok {
				need(fmt.Sscanf(rest, "%d", &kib))
				sum += kib << 10
			}
		}
	}
	return sum
}
