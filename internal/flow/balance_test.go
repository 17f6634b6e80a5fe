// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/policy"
)

// kernel is a node's packet filter, as far as counting goes: it counts exactly, notes flows while
// there is room and the rate allows, and logs some packets, of which some get lost.
type kernel struct {
	dice     *rand.Rand
	room     int // of the per-flow set
	insert   int // percent of new flows that are within the rate
	log      int // percent of packets that are within the log's rate
	lose     int // percent of logged packets that are lost
	late     time.Duration
	elements map[FlowKey]*Element
	counters map[Counter]uint64
	queue    []Event

	// The truth that nobody can read.
	counted map[Counter]uint64
	packets map[FlowKey]uint64
	noted   map[FlowKey]uint64 // since when the flow has an element, in packets of it
	lapsed  map[FlowKey]bool   // the flow lost an element
}

const servers = 4

func serverAddr(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 2, 0, byte(n)}) }

func group(n int) string { return fmt.Sprintf("%04x", n) }

// packet is refused: the kernel counts it.
func (k *kernel) packet(at time.Time, client netip.Addr, server int, port uint16) {
	ev := Event{Time: at.Add(time.Duration(k.dice.Int64N(int64(k.late)))), Family: "ip",
		Hook: HookForward, Prefix: Prefix{group(server), kindIngress, "default"}, In: "eth0",
		Out: fmt.Sprint("veth", server), EtherType: etherIP, Src: client, Dst: serverAddr(server),
		Proto: policy.ProtocolTCP, SrcPort: 40000, DstPort: port, TCPFlags: tcpSYN, Length: 60}
	flow := FlowKey{policy.Ingress, client, ev.Dst, ev.Proto, port}
	k.packets[flow]++
	e := k.elements[flow]
	switch {
	case e != nil:
	case len(k.elements) < k.room && k.dice.IntN(100) < k.insert:
		e = &Element{Flow: flow}
		k.elements[flow] = e
	default:
		k.counters[Counter{Family: "ip", Word: "overflow-ingress"}]++
		k.lapsed[flow] = true
	}
	if e != nil {
		e.Packets, e.Bytes = e.Packets+1, e.Bytes+60
	}
	if k.dice.IntN(100) < k.log && k.dice.IntN(100) >= k.lose {
		k.queue = append(k.queue, ev)
	}
	c := ev.Prefix.Counter("ip")
	k.counters[c]++
	k.counted[c]++
}

// expire removes elements, as a timeout, a full transaction or somebody's flush does.
func (k *kernel) expire(percent int) {
	for f := range k.elements {
		if k.dice.IntN(100) < percent {
			delete(k.elements, f)
			k.lapsed[f] = true
		}
	}
}

func (k *kernel) read() []Element {
	var out []Element
	for _, e := range k.elements {
		out = append(out, *e)
	}
	return out
}

func (k *kernel) values() map[Counter]uint64 {
	out := map[Counter]uint64{}
	for c, v := range k.counters {
		out[c] = v
	}
	return out
}

// due are the logged packets that have arrived by then.
func (k *kernel) due(now time.Time) []Event {
	var out, later []Event
	for _, ev := range k.queue {
		if ev.Time.After(now) {
			later = append(later, ev)
			continue
		}
		out = append(out, ev)
	}
	k.queue = later
	return out
}

// agent is who reads, and dies now and then. Records outlive it.
type agent struct {
	history  *History
	limits   Limits
	window   *Window
	elements *Elements
	ledger   *Ledger
	records  []Record

	saved   []byte
	savedAt int // records that the saved ledger knows
}

type agentState struct {
	Ledger   LedgerState
	Elements []Element
}

func (a *agent) take(records ...Record) {
	for _, r := range records {
		a.records = append(a.records, r)
		a.ledger.Record(&r)
	}
}

func (a *agent) sample(ev *Event) {
	x := a.history.Attribute(ev)
	if r, ok := a.window.Add(&x); ok {
		a.take(r)
	}
}

// close ends a window. The kernel goes on while it is being read.
func (a *agent) close(k *kernel, now time.Time, meanwhile func()) {
	deltas := a.elements.Observe(k.read())
	meanwhile()
	values := k.values()
	a.window.Totals(a.history, now, deltas)
	a.take(a.window.Close(now)...)
	a.ledger.Observe(values)
	a.save()
}

func (a *agent) save() {
	text, err := json.Marshal(agentState{a.ledger.State(), a.elements.State()})
	if err != nil {
		panic(err)
	}
	a.saved, a.savedAt = text, len(a.records)
}

// restart is what an agent knows that died: the state it saved, and the records it wrote since.
func (a *agent) restart(now time.Time) {
	var s agentState
	if err := json.Unmarshal(a.saved, &s); err != nil {
		panic(err)
	}
	a.window, a.elements = NewWindow(a.limits, now), NewElements(s.Elements)
	a.ledger = LoadLedger(s.Ledger, true)
	for _, r := range a.records[a.savedAt:] {
		a.window.Replay(a.history, &r)
		a.ledger.Record(&r)
	}
}

func newAgent(k *kernel, limits Limits) *agent {
	s := &Snapshot{Generation: 1, Before: noon, Since: noon, Policies: closed("all"),
		Groups: map[string]Groups{}}
	var list []Endpoint
	for n := range servers {
		e := place(fmt.Sprint("s", n), serverAddr(n), fmt.Sprint("veth", n), "")
		list = append(list, e)
		s.Groups[e.ID] = Groups{Ingress: group(n)}
	}
	s.Index = NewIndex(list)
	h := NewHistory()
	h.Add(s)
	a := &agent{history: h, limits: limits, window: NewWindow(limits, noon),
		elements: NewElements(nil), ledger: NewLedger()}
	a.save()
	return a
}

// sums are the packets in all records, by counter and by flow. Folded ones have no flow.
func (a *agent) sums() (map[Counter]uint64, map[FlowKey]uint64) {
	counters, flows := map[Counter]uint64{}, map[FlowKey]uint64{}
	for _, r := range a.records {
		counters[r.Counter] += r.Packets
		if f, ok := r.flow(); ok {
			flows[f] += r.Packets
		}
	}
	return counters, flows
}

// unbalanced is what is wrong after a window, or nothing.
func (a *agent) unbalanced(k *kernel) string {
	counters, flows := a.sums()
	for _, r := range a.ledger.Reports() {
		if r.Counter.Overflow() {
			continue
		}
		if r.Counted != k.counted[r.Counter] || r.Recorded+r.Lost != r.Counted ||
			r.Recorded != counters[r.Counter] || r.Misattributed != 0 {
			return fmt.Sprintf("%s: got %+v, and %d packets in records, want %d counted",
				r.Counter.Name(), r.Balance, counters[r.Counter], k.counted[r.Counter])
		}
	}
	if got, want := len(a.ledger.Reports()), len(k.counted); got < want {
		return fmt.Sprintf("got %d reports, want %d", got, want)
	}
	for f, n := range flows {
		if n > k.packets[f] {
			return fmt.Sprintf("%+v: told %d packets of %d", f, n, k.packets[f])
		}
	}
	return ""
}

// incomplete is a flow that had an element all the time, and of which something is missing
// although all has been read.
func (a *agent) incomplete(k *kernel) string {
	_, flows := a.sums()
	for f, n := range k.packets {
		if !k.lapsed[f] && flows[f] != n {
			return fmt.Sprintf("%+v: told %d packets of %d", f, flows[f], n)
		}
	}
	return ""
}

// flood is a random while of refused packets: few peers or many, few ports or many.
func (k *kernel) flood(from time.Time, length time.Duration, packets int, shape [2]int) {
	for i := range packets {
		at := from.Add(length * time.Duration(i) / time.Duration(packets))
		k.packet(at, client(k.dice.IntN(shape[0])*77), k.dice.IntN(servers),
			uint16(1+k.dice.IntN(shape[1])))
	}
}

// adventures are what happens to one node in one run.
type adventures struct {
	shape   [2]int
	limits  Limits
	expire  int // percent of elements, in some windows
	die     int // percent of windows in which the agent dies
	remove  int // percent of windows after which a counter is removed
	packets int
}

func newKernel(dice *rand.Rand) *kernel {
	pick := func(list ...int) int { return list[dice.IntN(len(list))] }
	return &kernel{dice: dice, room: pick(0, 5, 50, 100000), insert: pick(100, 100, 50, 5),
		log: pick(100, 30, 3, 0), lose: pick(0, 0, 50), elements: map[FlowKey]*Element{},
		late: time.Duration(pick(1, 100, 3000)) * time.Millisecond, counters: map[Counter]uint64{},
		counted: map[Counter]uint64{}, packets: map[FlowKey]uint64{},
		lapsed: map[FlowKey]bool{}}
}

func newAdventures(dice *rand.Rand) adventures {
	pick := func(list ...int) int { return list[dice.IntN(len(list))] }
	limits := Limits{Keys: pick(20, 100000), Share: pick(10, 100000), Blocks: pick(2, 64),
		Ports: pick(5, 100000), Flows: pick(50, 100000),
		Linger: time.Duration(pick(10, 60)) * time.Second}
	return adventures{shape: [2]int{pick(1, 5, 300), pick(1, 10, 500)}, limits: limits,
		expire: pick(0, 0, 30, 100), die: pick(0, 0, 30), remove: pick(0, 0, 30),
		packets: pick(0, 10, 300)}
}

// run lives through some windows and returns what was wrong after one of them.
func run(dice *rand.Rand, fault func(*agent)) string {
	k, story := newKernel(dice), newAdventures(dice)
	a := newAgent(k, story.limits)
	folds := story.limits.Keys < 100 || story.limits.Share < 100 || story.limits.Ports < 100 ||
		story.limits.Flows < 100
	for n := range 12 {
		start := noon.Add(time.Duration(n) * 10 * time.Second)
		quiet := n >= 10 // all is read in the end
		if !quiet && dice.IntN(5) > 0 {
			a.live(k, start, story)
		}
		for _, ev := range k.due(start.Add(10 * time.Second)) {
			a.sample(&ev)
		}
		fault(a)
		a.close(k, start.Add(10*time.Second), func() {
			if !quiet {
				k.flood(start.Add(10*time.Second), time.Millisecond, dice.IntN(5), story.shape)
			}
		})
		if text := a.unbalanced(k); text != "" {
			return fmt.Sprintf("window %d of %+v: %s", n, story, text)
		}
		if dice.IntN(100) < story.remove {
			c := Prefix{group(dice.IntN(servers)), kindIngress, "default"}.Counter("ip")
			delete(k.counters, c)
			a.ledger.Observe(k.values())
			a.save()
		}
	}
	if text := a.incomplete(k); text != "" && !folds && story.die == 0 {
		return fmt.Sprintf("in the end of %+v: %s", story, text)
	}
	return ""
}

// live is one window's life: floods, in between elements expire, and the agent may die.
func (a *agent) live(k *kernel, start time.Time, story adventures) {
	parts := 1 + k.dice.IntN(3)
	for i := range parts {
		length := 9 * time.Second / time.Duration(parts)
		from := start.Add(time.Duration(i) * length)
		if k.dice.IntN(3) == 0 {
			k.expire(story.expire)
		}
		k.flood(from, length, story.packets/parts, story.shape)
		for _, ev := range k.due(from.Add(length)) {
			a.sample(&ev)
		}
		if k.dice.IntN(100) < story.die {
			a.restart(from.Add(length))
			k.queue = nil // the socket is gone with its owner
		}
	}
}

// TestRecordsAndLossAreTheCounter: whatever happens, at the end of every window each counter is
// what records tell and what is lost, and no packet is told twice. Flows that have an element all
// the time are told completely.
func TestRecordsAndLossAreTheCounter(t *testing.T) {
	for seed := range uint64(200) {
		if text := run(rand.New(rand.NewPCG(seed, 3)), func(*agent) {}); text != "" {
			t.Fatalf("seed %d: %s", seed, text)
		}
	}
}

// TestPlantedFaultsUnbalance: the comparison notices each fault, so it can fail.
func TestPlantedFaultsUnbalance(t *testing.T) {
	for name, fault := range map[string]func(*agent){
		"told packets are forgotten": func(a *agent) {
			for _, x := range a.window.flows {
				x.told, x.before = count{}, count{}
			}
		},
		"elements count from zero": func(a *agent) { a.elements = NewElements(nil) },
		"a record is lost": func(a *agent) {
			a.records = a.records[:max(0, len(a.records)-1)]
		},
		"a record is written twice": func(a *agent) {
			if n := len(a.records); n > 0 {
				a.take(a.records[n-1])
			}
		},
		"the ledger forgets": func(a *agent) { a.ledger = NewLedger() },
		"counters that vanish are not noticed": func(a *agent) {
			for _, x := range a.ledger.accounts {
				x.Present = true
			}
		},
		"records of a dead agent are told again": func(a *agent) {
			for _, x := range a.window.flows {
				x.before = count{}
			}
			clear(a.window.debts)
		},
	} {
		seen := false
		for seed := uint64(0); seed < 200 && !seen; seed++ {
			seen = run(rand.New(rand.NewPCG(seed, 3)), fault) != ""
		}
		if !seen {
			t.Errorf("%s: got no run of 200 that is unbalanced, want one", name)
		}
	}
}
