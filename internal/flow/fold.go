// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"math/bits"
	"net/netip"

	"github.com/bulkhead-net/bulkhead/policy"
)

// subject is how many keys one subject has.
type subject struct{ keys, blocks int }

// pair is a subject and one peer.
type pair struct {
	subject   string
	direction policy.Direction
	peer      string
	addr      netip.Addr
	proto     uint8
}

func (k Key) pair() pair {
	return pair{k.Subject, k.Direction, k.Peer, k.PeerAddr, k.Proto}
}

func (k Key) folded() bool { return k.Scan || k.All || k.Peers.IsValid() }

// place finds the entry of a key that is not known: one of its own, or one with what is folded.
// It reports true if the entry was there already.
func (w *Window) place(a *Attributed) (*entry, bool) {
	k := a.Key
	s := w.subjects[k.Subject]
	if s == nil {
		s = &subject{}
		w.subjects[k.Subject] = s
	}
	for _, step := range []func(*Key, *subject) bool{w.foldPorts, w.foldPeers, w.foldAll} {
		if !step(&k, s) {
			continue
		}
		if e := w.keys[k]; e != nil {
			return e, true
		}
	}
	return w.insert(k, a, s), false
}

// foldPorts makes a scan of what goes to too many ports of one peer.
func (w *Window) foldPorts(k *Key, _ *subject) bool {
	if !policy.HasPorts(k.Proto) || w.pairs[k.pair()] < w.limits.Ports {
		return false
	}
	k.Port, k.Scan = 0, true
	return true
}

// foldPeers makes a block of peers that are no endpoints when the subject has too many keys. A
// flooder folds its own: the part of others stays theirs.
func (w *Window) foldPeers(k *Key, s *subject) bool {
	if !w.full(s) || !k.PeerAddr.IsValid() {
		return false
	}
	bits := 48
	if k.PeerAddr.Is4() {
		bits = 24
	}
	block, err := k.PeerAddr.Prefix(bits)
	if err != nil {
		return false
	}
	k.Peers, k.PeerAddr = block, netip.Addr{}
	return true
}

// foldAll is the last resort, and bounded by the policies: peers, ports and protocols in one.
func (w *Window) foldAll(k *Key, s *subject) bool {
	if k.folded() && s.blocks < w.limits.Blocks || !k.folded() && !w.full(s) {
		return false
	}
	*k = Key{Subject: k.Subject, Direction: k.Direction, Action: k.Action, Counter: k.Counter,
		Cause: k.Cause, Scan: true, All: true}
	return true
}

func (w *Window) full(s *subject) bool {
	fair := w.limits.Keys / max(1, len(w.subjects))
	return s.keys >= w.limits.Share || len(w.keys) >= w.limits.Keys && s.keys >= fair
}

func (w *Window) insert(k Key, a *Attributed, s *subject) *entry {
	e := &entry{key: k, record: a.Record, last: a.Record.Start}
	w.keys[k] = e
	w.order = append(w.order, e)
	switch {
	case k.folded():
		e.ports, e.peers = &distinct{}, &distinct{}
		e.generalise()
		s.blocks++
	default:
		s.keys++
		w.pairs[k.pair()]++
	}
	return e
}

func (w *Window) remove(e *entry) {
	delete(w.keys, e.key)
	s := w.subjects[e.key.Subject]
	if e.key.folded() {
		s.blocks--
	} else {
		s.keys--
		p := e.key.pair()
		if w.pairs[p]--; w.pairs[p] <= 0 {
			delete(w.pairs, p)
		}
	}
	if s.keys+s.blocks == 0 {
		delete(w.subjects, e.key.Subject)
	}
}

// generalise takes out of a folded record what is true of one of its packets only.
func (e *entry) generalise() {
	r, k := &e.record, &e.key
	r.Why += " (one of many that are told together)"
	if k.Scan {
		r.Port, r.Scan = 0, true
	}
	if k.All {
		r.Proto, r.Type, r.Code, r.EtherType = 0, 0, 0, 0
	}
	peer := &r.Server
	if k.Direction == policy.Ingress {
		peer = &r.Client
	}
	switch {
	case k.All:
		*peer = Party{Device: peer.Device}
	case k.Peers.IsValid():
		*peer = Party{Prefix: k.Peers, Device: peer.Device}
	}
}

// fold counts the ports and peers of a packet of a folded key.
func (e *entry) fold(a *Attributed) {
	if e.ports == nil {
		return
	}
	if policy.HasPorts(a.Record.Proto) {
		e.ports.addPort(a.Record.Port)
	}
	peer := a.Record.Server
	if a.Record.Direction == policy.Ingress {
		peer = a.Record.Client
	}
	e.peers.addAddr(peer.Addr)
}

// describe writes into a record how much is folded in it.
func (w *Window) describe(e *entry, r *Record) {
	if e.ports == nil {
		return
	}
	if e.key.All || e.key.Peers.IsValid() {
		w.stats.Blocks += r.Packets
	} else {
		w.stats.Scans += r.Packets
	}
	r.Ports, r.Peers = max(1, e.ports.count()), max(1, e.peers.count())
	if !e.key.Scan && !policy.HasPorts(r.Proto) {
		r.Ports = 0
	}
}

// portion is n * part / all without overflow; part is at most all, and all is not zero.
func portion(n, part, all uint64) uint64 {
	high, low := bits.Mul64(n, part)
	q, _ := bits.Div64(high, low, all)
	return q
}
