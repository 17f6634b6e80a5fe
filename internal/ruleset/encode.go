// SPDX-License-Identifier: Apache-2.0

package ruleset

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
)

// The binary form is the header, the content, and the CRC-32C of both, big-endian. Numbers in
// the content are varints; strings and lists begin with their length. Any change of the
// content's form, of a statement's number or of a Field's value needs another version.
const header = "bulkhead ruleset 2\n"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Encode is the ruleset in a compact binary form for Decode.
func Encode(r *Ruleset) []byte {
	w := writer{b: make([]byte, 0, r.sizeHint())}
	w.b = append(w.b, header...)
	w.ruleset(r)
	return binary.BigEndian.AppendUint32(w.b, crc32.Checksum(w.b, castagnoli))
}

// Hash names the ruleset's content: equal rulesets have equal hashes, whatever path led to
// them. It is 64 hexadecimal digits.
func (r *Ruleset) Hash() string {
	w := writer{b: make([]byte, 0, r.sizeHint())}
	w.ruleset(r)
	sum := sha256.Sum256(w.b)
	return hex.EncodeToString(sum[:])
}

func (r *Ruleset) sizeHint() int {
	n := 4096
	for _, t := range r.Tables {
		for _, s := range t.Sets {
			n += 64 * len(s.Elements)
		}
	}
	return n
}

// writer appends values to b.
type writer struct{ b []byte }

func (w *writer) number(n uint64) { w.b = binary.AppendUvarint(w.b, n) }

func (w *writer) signed(n int64) { w.b = binary.AppendVarint(w.b, n) }

func (w *writer) length(n int) { w.number(uint64(n)) }

func (w *writer) text(s string) {
	w.length(len(s))
	w.b = append(w.b, s...)
}

func (w *writer) flag(yes bool) {
	if yes {
		w.b = append(w.b, 1)
	} else {
		w.b = append(w.b, 0)
	}
}

func (w *writer) ruleset(r *Ruleset) {
	w.length(len(r.Tables))
	for i := range r.Tables {
		w.table(&r.Tables[i])
	}
}

func (w *writer) table(t *Table) {
	w.number(uint64(t.Family))
	w.length(len(t.Counters))
	for _, c := range t.Counters {
		w.text(c)
	}
	w.length(len(t.Sets))
	for i := range t.Sets {
		w.set(&t.Sets[i])
	}
	w.length(len(t.Chains))
	for i := range t.Chains {
		w.chain(&t.Chains[i])
	}
}

func (w *writer) set(s *Set) {
	w.text(s.Name)
	w.length(len(s.Types))
	for _, t := range s.Types {
		w.number(uint64(t))
	}
	w.flag(s.Verdicts)
	w.flag(s.Interval)
	w.flag(s.Dynamic != nil)
	if d := s.Dynamic; d != nil {
		w.number(uint64(d.Size))
		w.signed(int64(d.Timeout))
		w.flag(d.Counter)
	}
	w.length(len(s.Elements))
	for i := range s.Elements {
		e := &s.Elements[i]
		w.text(string(e.Key))
		w.text(string(e.Last))
		w.verdict(e.Verdict)
		w.text(e.Comment)
	}
}

func (w *writer) verdict(v Verdict) {
	w.number(uint64(v.Kind))
	w.text(v.Chain)
}

func (w *writer) chain(c *Chain) {
	w.text(c.Name)
	w.flag(c.Base != nil)
	if c.Base != nil {
		w.number(uint64(c.Base.Hook))
		w.signed(int64(c.Base.Priority))
	}
	w.length(len(c.Rules))
	for _, r := range c.Rules {
		w.text(r.Comment)
		w.length(len(r.Statements))
		for _, s := range r.Statements {
			w.statement(s)
		}
	}
}
