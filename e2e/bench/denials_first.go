// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net/netip"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/flow"
)

// firstSight measures how soon somebody who watches sees a denial of a flow that was not refused
// before: from the packet to the line of "bulkheadctl denials -f".
func firstSight(ctx context.Context, g *rig, r *results) {
	s := newDenialSite(g, r, 1)
	ports := s.watch(g, r)
	other := newUDP(g, s.others[0].box.Namespace, netip.AddrPortFrom(s.others[0].addr, 0))
	var took []float64
	for i := range 20 {
		must(ctx.Err())
		time.Sleep(300 * time.Millisecond)
		at := netip.AddrPortFrom(s.closed[0].addr, uint16(7000+i))
		start := time.Now()
		other.sendTo(at)
		took = append(took, ms(awaitPort(g, ports, at.Port()).Sub(start)))
	}
	const what = "first denial of a flow, from the packet to bulkheadctl denials -f"
	r.atMost("denials", what+", median", r.sample(what, "ms", took), 250, "ms", "")
}

// seen is a record that was shown, and when.
type seen struct {
	port uint16
	at   time.Time
}

// watch runs "bulkheadctl denials -f" and tells of what it shows. It has begun when it does not
// miss a packet.
func (s *denialSite) watch(g *rig, r *results) <-chan seen {
	cmd := exec.Command(filepath.Join(r.options.bin, "bulkheadctl"), "denials", "-f", "-o", "json",
		"--denials-dir", s.records())
	out := need(cmd.StdoutPipe())
	startLasting(g, func(f func()) { f() }, cmd)
	g.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
	})
	shown := make(chan seen, 1024)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var record flow.Record
			if json.Unmarshal(lines.Bytes(), &record) == nil {
				shown <- seen{record.Port, time.Now()}
			}
		}
	}()
	probe := newUDP(g, s.others[0].box.Namespace, netip.AddrPortFrom(s.others[0].addr, 0))
	for port := uint16(20000); port < 20100; port++ {
		probe.sendTo(netip.AddrPortFrom(s.closed[0].addr, port))
		select {
		case <-shown:
			return shown
		case <-time.After(200 * time.Millisecond):
		}
	}
	g.Fatalf("bulkheadctl denials -f: shows nothing")
	return nil
}

func awaitPort(g *rig, shown <-chan seen, port uint16) time.Time {
	for {
		select {
		case s := <-shown:
			if s.port == port {
				return s.at
			}
		case <-time.After(15 * time.Second):
			g.Fatalf("port %d: not shown within 15 s", port)
		}
	}
}
