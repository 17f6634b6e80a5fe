// SPDX-License-Identifier: Apache-2.0

package ruleset

import "strings"

// ruling is what a rule or a chain says of a packet.
type ruling struct {
	verdict Verdict
	reject  bool
}

// outcome is that of a base chain. Falling off its end, and return, are its policy: accept.
func (r ruling) outcome() Outcome {
	switch {
	case r.reject:
		return Rejected
	case r.verdict.Kind == DropVerdict:
		return Dropped
	}
	return Accepted
}

// final tells whether no further rule of the base chain is asked.
func (r ruling) final() bool {
	return r.reject || r.verdict.Kind == AcceptVerdict || r.verdict.Kind == DropVerdict
}

// evaluation is one packet in one base chain.
type evaluation struct {
	table  *tracedTable
	base   *Chain
	packet *Packet
	result *Result
	// etherType is the last ethertype that the current rule compared with: behind it, nft does
	// not add its own "ether type 8021q" to a vlan id.
	etherType uint16
}

// chain runs a chain as nft_do_chain does: a goto leaves no way back, so that the end of its
// target is the end of this chain.
func (e *evaluation) chain(c *Chain) ruling {
	for i := range c.Rules {
		said, held := e.rule(&c.Rules[i])
		if !held {
			continue
		}
		e.record(c, i)
		if said.final() {
			return said
		}
		switch said.verdict.Kind {
		case JumpVerdict:
			if inner := e.chain(e.table.chains[said.verdict.Chain]); inner.final() {
				return inner
			}
		case GotoVerdict:
			return e.chain(e.table.chains[said.verdict.Chain])
		case ReturnVerdict:
			return ruling{}
		}
	}
	return ruling{}
}

// rule runs a rule's statements. Actions before a match that fails have had their effect.
func (e *evaluation) rule(r *Rule) (said ruling, held bool) {
	e.etherType = 0
	for _, s := range r.Statements {
		if said, held = e.statement(s); !held {
			return ruling{}, false
		}
	}
	return said, true
}

func (e *evaluation) record(c *Chain, i int) {
	e.result.Steps = append(e.result.Steps,
		Step{Family: e.table.table.Family, Chain: c.Name, Index: i, Rule: &c.Rules[i]})
}

func (e *evaluation) statement(s Statement) (ruling, bool) {
	switch s := s.(type) {
	case Verdict:
		return ruling{verdict: s}, true
	case VerdictMap:
		v, found := e.mapped(s)
		return ruling{verdict: v}, found
	case RejectWith:
		// nft puts "meta l4proto tcp" in front of a reset.
		return ruling{reject: true}, !s.TCPReset || e.packet.Protocol == protoTCP
	case Update:
		_, present := e.key(s.Fields)
		return ruling{}, present
	case CounterRef:
		e.result.Counters = append(e.result.Counters, s.Name)
		return ruling{}, true
	case Log:
		e.result.LogPrefix = s.Prefix
		return ruling{}, true
	case SetMark:
		return ruling{}, e.setMark(s)
	}
	return ruling{}, e.match(s)
}

// setMark writes a mark. Reading the ct mark of a packet without conntrack entry ends the rule;
// writing it alone does nothing.
func (e *evaluation) setMark(s SetMark) bool {
	mark := &e.packet.Mark
	if s.CT {
		if !e.tracked() {
			return s.Keep == 0
		}
		mark = &e.packet.CT.Mark
	}
	*mark = *mark&s.Keep | s.Or
	return true
}

func (e *evaluation) match(s Statement) bool {
	switch s := s.(type) {
	case Compare:
		return e.compare(s)
	case Masked:
		v, ok := e.field(s.Field)
		return ok && (uint32(v.number())&s.Mask == s.Value) != s.Not
	case OneOf:
		return e.oneOf(s)
	case InPrefix:
		v, ok := e.field(s.Field)
		return ok && s.Prefix.Contains(v.addr()) != s.Not
	case NamePrefix:
		v, ok := e.field(s.Field)
		return ok && strings.HasPrefix(string(v.bytes()), s.Prefix)
	case States:
		return e.inState(s.States)
	case Confirmed:
		return e.tracked() && e.packet.CT.Confirmed
	case RoutingHeader:
		return e.isIP6() && e.packet.RoutingHeader
	case Lookup:
		return e.lookup(s)
	}
	return false
}

func (e *evaluation) compare(s Compare) bool {
	v, ok := e.field(s.Field)
	if s.Field == EtherType && !s.Not {
		e.etherType = uint16(number(s.Value))
	}
	return ok && (string(v.bytes()) == string(s.Value)) != s.Not
}

func (e *evaluation) oneOf(s OneOf) bool {
	v, ok := e.field(s.Field)
	if !ok {
		return false
	}
	found := false
	for _, want := range s.Values {
		found = found || string(v.bytes()) == string(want)
	}
	return found != s.Not
}

// inState is ct state. A packet without conntrack entry is invalid, unless marked untracked.
func (e *evaluation) inState(states []State) bool {
	have := e.packet.CT.State
	if !e.tracked() && (have != StateUntracked || e.beforeConntrack()) {
		have = StateInvalid
	}
	for _, s := range states {
		if s == have {
			return true
		}
	}
	return false
}
