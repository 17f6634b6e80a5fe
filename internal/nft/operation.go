// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"fmt"

	"golang.org/x/sys/unix"

	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// Every object is added exclusively: one that is there already was made by somebody else, and
// a transaction that silently adopts it would rest on a state that nobody checked.
const (
	create       = unix.NLM_F_CREATE | unix.NLM_F_EXCL
	createAppend = unix.NLM_F_CREATE | unix.NLM_F_APPEND
)

// hooks are numbered alike in the ip families and, for the hooks we use, in bridge.
var hooks = [...]uint32{
	rs.Prerouting:  unix.NF_INET_PRE_ROUTING,
	rs.Input:       unix.NF_INET_LOCAL_IN,
	rs.Forward:     unix.NF_INET_FORWARD,
	rs.Output:      unix.NF_INET_LOCAL_OUT,
	rs.Postrouting: unix.NF_INET_POST_ROUTING,
}

const policyAccept = 1 // NF_ACCEPT

func (b *batch) operation(op rs.Op) error {
	table := attrs(nil).str(1, rs.TableName) // NFTA_*_TABLE is 1 in every message
	switch op.Kind {
	case rs.AddTable:
		b.message(unix.NFT_MSG_NEWTABLE, create, table.u32(unix.NFTA_TABLE_FLAGS, 0))
	case rs.DeleteTable:
		b.message(unix.NFT_MSG_DELTABLE, 0, table)
	case rs.AddCounter:
		b.message(unix.NFT_MSG_NEWOBJ, create, counterObject(table, op.Counter))
	case rs.DeleteCounter:
		b.message(unix.NFT_MSG_DELOBJ, 0, table.str(unix.NFTA_OBJ_NAME, op.Counter).
			u32(unix.NFTA_OBJ_TYPE, unix.NFT_OBJECT_COUNTER))
	case rs.AddSet:
		b.message(unix.NFT_MSG_NEWSET, create, b.set(table, op.Set))
	case rs.DeleteSet:
		b.message(unix.NFT_MSG_DELSET, 0, table.str(unix.NFTA_SET_NAME, op.Set.Name))
	case rs.AddElements:
		return b.elements(unix.NFT_MSG_NEWSETELEM, create, op.Set, op.Elements)
	case rs.DeleteElements:
		return b.elements(unix.NFT_MSG_DELSETELEM, 0, op.Set, op.Elements)
	case rs.AddChain:
		b.message(unix.NFT_MSG_NEWCHAIN, create, chain(table, op.Chain))
	case rs.FlushChain:
		b.message(unix.NFT_MSG_DELRULE, 0, table.str(unix.NFTA_RULE_CHAIN, op.Chain.Name))
	case rs.AddRules:
		return b.rules(op.Chain)
	case rs.DeleteChain:
		b.message(unix.NFT_MSG_DELCHAIN, 0, table.str(unix.NFTA_CHAIN_NAME, op.Chain.Name))
	default:
		return fmt.Errorf("unknown kind %d", op.Kind)
	}
	return nil
}

func counterObject(table attrs, name string) attrs {
	zero := attrs(nil).u64(unix.NFTA_COUNTER_BYTES, 0).u64(unix.NFTA_COUNTER_PACKETS, 0)
	return table.str(unix.NFTA_OBJ_NAME, name).
		u32(unix.NFTA_OBJ_TYPE, unix.NFT_OBJECT_COUNTER).
		nest(unix.NFTA_OBJ_DATA, zero)
}

func chain(table attrs, c *rs.Chain) attrs {
	a := table.str(unix.NFTA_CHAIN_NAME, c.Name)
	if c.Base == nil {
		return a
	}
	hook := attrs(nil).
		u32(unix.NFTA_HOOK_HOOKNUM, hooks[c.Base.Hook]).
		u32(unix.NFTA_HOOK_PRIORITY, uint32(int32(c.Base.Priority)))
	return a.str(unix.NFTA_CHAIN_TYPE, chainType).
		u32(unix.NFTA_CHAIN_POLICY, policyAccept).
		nest(unix.NFTA_CHAIN_HOOK, hook)
}

const chainType = "filter"

// rules appends the chain's rules, each behind its anonymous sets.
func (b *batch) rules(c *rs.Chain) error {
	family := b.ops[b.op].Family
	for i, r := range c.Rules {
		l, err := lowerRule(family, r, b.newSetID)
		if err != nil {
			return fmt.Errorf("rule %d: %w", i+1, err)
		}
		for _, s := range l.sets {
			b.anonymous(s)
		}
		body, err := ruleBody(family, c.Name, r, l.exprs)
		if err != nil {
			return fmt.Errorf("rule %d: %w", i+1, err)
		}
		b.message(unix.NFT_MSG_NEWRULE, createAppend, body)
	}
	return nil
}

func ruleBody(family rs.Family, chain string, r rs.Rule, es []expression) (attrs, error) {
	list, err := marshalExpressions(family, es)
	if err != nil {
		return nil, err
	}
	a := attrs(nil).str(unix.NFTA_RULE_TABLE, rs.TableName).
		str(unix.NFTA_RULE_CHAIN, chain).
		nest(unix.NFTA_RULE_EXPRESSIONS, list)
	if r.Comment != "" {
		a = a.bytes(unix.NFTA_RULE_USERDATA, udata(nil).comment(r.Comment))
	}
	return a, nil
}

func marshalExpressions(family rs.Family, es []expression) (attrs, error) {
	var list attrs
	for _, e := range es {
		b, err := e.marshal(families[family])
		if err != nil {
			return nil, err
		}
		list = list.nest(unix.NFTA_LIST_ELEM, b)
	}
	if len(list) > maxAttr {
		return nil, fmt.Errorf("%d bytes of expressions: at most %d", len(list), maxAttr)
	}
	return list, nil
}
