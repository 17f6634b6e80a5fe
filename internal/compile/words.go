// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"net/netip"

	"github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// The words in which the static program is written. Each is one statement.

func rule(statements ...ruleset.Statement) ruleset.Rule {
	return ruleset.Rule{Statements: statements}
}

func commented(comment string, statements ...ruleset.Statement) ruleset.Rule {
	return ruleset.Rule{Statements: statements, Comment: clip(comment)}
}

// clip keeps a comment within the kernel's limit for rule comments, with room to spare.
func clip(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	return s[:most-3] + "..."
}

func is(f ruleset.Field, v ruleset.Key) ruleset.Statement {
	return ruleset.Compare{Field: f, Value: v}
}

func isNot(f ruleset.Field, v ruleset.Key) ruleset.Statement {
	return ruleset.Compare{Field: f, Value: v, Not: true}
}

func oneOf(f ruleset.Field, values ...ruleset.Key) ruleset.Statement {
	return ruleset.OneOf{Field: f, Values: values}
}

func within(f ruleset.Field, p string) ruleset.Statement {
	return ruleset.InPrefix{Field: f, Prefix: netip.MustParsePrefix(p)}
}

func state(s ruleset.State) ruleset.Statement {
	return ruleset.States{States: []ruleset.State{s}}
}

func in(set string, fields ...ruleset.Field) ruleset.Statement {
	return ruleset.Lookup{Set: set, Fields: fields}
}

func notIn(set string, fields ...ruleset.Field) ruleset.Statement {
	return ruleset.Lookup{Set: set, Fields: fields, Not: true}
}

func vmap(m string, fields ...ruleset.Field) ruleset.Statement {
	return ruleset.VerdictMap{Map: m, Fields: fields}
}

func original() ruleset.Statement { return is(ruleset.CTDirection, ruleset.Byte(0)) }

func reply() ruleset.Statement { return is(ruleset.CTDirection, ruleset.Byte(1)) }

func goTo(chain string) ruleset.Verdict {
	return ruleset.Verdict{Kind: ruleset.GotoVerdict, Chain: chain}
}

func jump(chain string) ruleset.Verdict {
	return ruleset.Verdict{Kind: ruleset.JumpVerdict, Chain: chain}
}

func accept() ruleset.Verdict { return ruleset.Verdict{Kind: ruleset.AcceptVerdict} }

func drop() ruleset.Verdict { return ruleset.Verdict{Kind: ruleset.DropVerdict} }

func giveBack() ruleset.Verdict { return ruleset.Verdict{Kind: ruleset.ReturnVerdict} }
