// SPDX-License-Identifier: Apache-2.0

package ruleset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"time"
)

// Decode reads what Encode wrote. Anything else, and a ruleset that is not valid, is an error:
// a file that was cut off or damaged must never be taken for the state of the kernel.
func Decode(b []byte) (*Ruleset, error) {
	end := len(b) - crc32.Size
	switch {
	case end < len(header) || !strings.HasPrefix(string(b[:len(header)]), header):
		return nil, errors.New("ruleset: not in a known binary form")
	case binary.BigEndian.Uint32(b[end:]) != crc32.Checksum(b[:end], castagnoli):
		return nil, errors.New("ruleset: checksum does not match")
	}
	// One copy of everything: keys and names are parts of it and cost nothing more.
	d := reader{rest: string(b[len(header):end])}
	r := d.ruleset()
	if d.rest != "" {
		d.fail("bytes left over")
	}
	if d.err != nil {
		return nil, fmt.Errorf("ruleset: %w", d.err)
	}
	if err := r.Validate(); err != nil {
		return nil, fmt.Errorf("ruleset: %w", err)
	}
	return r, nil
}

// reader takes values from the front of rest. After an error it takes zeros.
type reader struct {
	rest string
	err  error
}

func (d *reader) fail(why string) {
	if d.err == nil {
		d.err = errors.New(why)
	}
	d.rest = ""
}

// number takes a number up to a limit.
func (d *reader) number(limit uint64) uint64 {
	var n uint64
	for i := 0; i < len(d.rest) && i < binary.MaxVarintLen64; i++ {
		c := d.rest[i]
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			d.rest = d.rest[i+1:]
			if n > limit {
				d.fail("number out of range")
				return 0
			}
			return n
		}
	}
	d.fail("number cut off")
	return 0
}

func (d *reader) signed() int64 {
	n := d.number(1<<64 - 1)
	return int64(n>>1) ^ -int64(n&1)
}

func (d *reader) byte(limit uint8) uint8 { return uint8(d.number(uint64(limit))) }

func (d *reader) word() uint32 { return uint32(d.number(1<<32 - 1)) }

func (d *reader) flag() bool { return d.number(1) == 1 }

// length takes the length of a list whose items have at least size bytes each, so that a
// damaged length cannot make us reserve more memory than the input warrants.
func (d *reader) length(size int) int {
	return int(d.number(uint64(len(d.rest) / size)))
}

func (d *reader) text() string {
	n := d.length(1)
	if n > len(d.rest) {
		d.fail("text cut off")
		return ""
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

// list takes a list. An empty one is nil.
func list[T any](d *reader, size int, item func() T) []T {
	n := d.length(size)
	if n == 0 {
		return nil
	}
	l := make([]T, n)
	for i := range l {
		if d.err != nil {
			return nil
		}
		l[i] = item()
	}
	return l
}

func (d *reader) ruleset() *Ruleset { return &Ruleset{Tables: list(d, 4, d.table)} }

func (d *reader) table() Table {
	return Table{
		Family:   Family(d.byte(uint8(Bridge))),
		Counters: list(d, 1, d.text),
		Sets:     list(d, 6, d.set),
		Chains:   list(d, 3, d.chain),
	}
}

func (d *reader) set() Set {
	s := Set{
		Name:     d.text(),
		Types:    list(d, 1, func() Type { return Type(d.byte(uint8(len(types) - 1))) }),
		Verdicts: d.flag(),
		Interval: d.flag(),
	}
	if d.flag() {
		s.Dynamic = &Dynamic{Size: d.word(), Timeout: time.Duration(d.signed()), Counter: d.flag()}
	}
	s.Elements = list(d, 5, d.element)
	return s
}

func (d *reader) element() Element {
	return Element{Key: Key(d.text()), Last: Key(d.text()), Verdict: d.verdict(),
		Comment: d.text()}
}

func (d *reader) verdict() Verdict {
	return Verdict{Kind: VerdictKind(d.byte(uint8(ReturnVerdict))), Chain: d.text()}
}

func (d *reader) chain() Chain {
	c := Chain{Name: d.text()}
	if d.flag() {
		c.Base = &Base{Hook: Hook(d.byte(uint8(Postrouting))), Priority: int(d.signed())}
	}
	c.Rules = list(d, 2, d.rule)
	return c
}

func (d *reader) rule() Rule {
	return Rule{Comment: d.text(), Statements: list(d, 1, d.statement)}
}
