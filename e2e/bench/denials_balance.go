// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/journal"
	"github.com/bulkhead-net/bulkhead/internal/nft"
)

// floods measures the agent while one endpoint floods and others are refused now and then.
func floods(ctx context.Context, g *rig, r *results, k floodKind) {
	s := newDenialSite(g, r, otherEndpoints)
	ears := []*ear{newEar(g, s.closed[0].box.Namespace, netip.AddrPortFrom(s.closed[0].addr, 4000)),
		newEar(g, s.closed[1].box.Namespace, netip.AddrPortFrom(s.closed[1].addr, 6000))}
	before, start := s.daemon.cpu(), time.Now()
	f := k.start(g, s)
	lasting, end := context.WithTimeout(ctx, r.options.flood)
	defer end()
	others := s.trickle(lasting, g)
	sent, rate := f.end()
	cpu := (s.daemon.cpu() - before).Seconds() / time.Since(start).Seconds()
	must(ctx.Err())
	r.sample(name(k)+"rate", "1/s", []float64{rate})
	r.atMost("denials", name(k)+"agent, CPU", cpu, 1, "cores", "")
	heard := ears[0].count.Load() + ears[1].count.Load()
	r.atMost("denials", name(k)+"packets that passed", float64(heard), 0, "",
		fmt.Sprintf("of %d", sent+others[0]+others[1]))
	said := s.settled(ctx, g)
	_, peak := s.daemon.memory()
	r.atMost("denials", name(k)+"agent, peak RSS", peak, 200, "MiB", "")
	s.judgeJournal(g, r, name(k), others, said.Counters)
}

// judgeJournal holds the journal to what was sent, and to the kernel's counters.
func (s *denialSite) judgeJournal(g *rig, r *results, name string, others [2]uint64,
	said []flow.Report) {
	told := map[flow.Counter]uint64{}
	var present [2]uint64
	records := 0
	for record, err := range journal.Read(s.records(), journal.Query{}) {
		must(err)
		records++
		told[record.Counter] += record.Packets + record.Lost
		n := slices.IndexFunc(s.closed[:], func(p realPeer) bool { return p.id == record.Server.ID })
		if n >= 0 && record.Client.ID != s.flooder.id {
			present[n] += record.Packets
		}
	}
	share := func(n int) float64 { return 100 * float64(present[n]) / float64(others[n]) }
	r.atLeast("denials", name+"others' denials by another endpoint in the journal", share(1), 99,
		"%", fmt.Sprintf("%d of %d", present[1], others[1]))
	r.sample(name+"others' denials by the flooded endpoint in the journal", "%", []float64{share(0)})
	r.sample(name+"records", "", []float64{float64(records)})
	counted, off := uint64(0), uint64(0)
	for c, v := range s.counters(g) {
		counted += v
		off += max(v, told[c]) - min(v, told[c])
		i := slices.IndexFunc(said, func(r flow.Report) bool { return r.Counter == c })
		if i < 0 || said[i].Counted != v || said[i].Recorded+said[i].Lost+said[i].Unlogged != v {
			off += v
		}
	}
	r.atMost("denials", name+"packets by which counters and journal differ", float64(off), 0, "",
		fmt.Sprintf("the kernel counted %d", counted))
	lost := uint64(0)
	for _, b := range said {
		lost += b.Lost
	}
	r.sample(name+"told as lost", "%", []float64{100 * float64(lost) / float64(counted)})
}

// counters are the kernel's, but those of overflows, whose packets others count.
func (s *denialSite) counters(g *rig) map[flow.Counter]uint64 {
	k := need(nft.Open(nft.Options{NetNS: s.net.FD()}))
	defer k.Close()
	out := map[flow.Counter]uint64{}
	for key, v := range need(k.Counters(background)) {
		c := need(flow.ParseCounter(key.Family.String(), key.Name))
		if v.Packets > 0 && !c.Overflow() {
			out[c] = v.Packets
		}
	}
	if len(out) == 0 {
		g.Fatalf("counters: all are zero, want refusals")
	}
	return out
}

// cpu is what a process has used.
func (d *daemon) cpu() time.Duration {
	text := string(need(os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.cmd.Process.Pid))))
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	var user, system int64
	need(fmt.Sscan(fields[11]+" "+fields[12], &user, &system))
	return time.Duration(user+system) * (time.Second / 100) // USER_HZ
}
