// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// MarkKind is what a foreign rule does to our marks.
type MarkKind uint8

// The kinds, the worst first.
const (
	// Forges says that the rule can set bits of ours: a forged epoch opens what it marks.
	Forges MarkKind = iota
	// Clears says that the rule can only clear bits of ours. Nothing opens: flows are judged
	// again with every packet, and frames may be dropped as unjudged.
	Clears
	// Untracks says that the rule makes packets untracked, which we drop.
	Untracks
)

// Mark is one of the marks that carry bits of ours.
type Mark uint8

// The marks.
const (
	ConntrackMark Mark = iota
	PacketMark
)

// MarkWriter is a rule of somebody else that does something to our marks.
type MarkWriter struct {
	Kind MarkKind
	// Family is nft's word: "ip", "ip6", "inet", "arp", "bridge", "netdev".
	Family, Table, Chain string
	Handle               uint64 // of the rule, as "nft -a list ruleset" shows it
	Mark                 Mark
	Bits                 uint32 // those of ours in reach, 0 for Untracks
}

// String is the finding as one line: "ip mangle PREROUTING handle 5: can forge bits 0x00010000
// of the conntrack mark".
func (w MarkWriter) String() string {
	place := fmt.Sprintf("%s %s %s handle %d: ", w.Family, w.Table, w.Chain, w.Handle)
	if w.Kind == Untracks {
		return place + "leaves packets untracked"
	}
	verbs := [...]string{Forges: "can forge", Clears: "clears"}
	marks := [...]string{ConntrackMark: "conntrack", PacketMark: "packet"}
	return fmt.Sprintf("%s%s bits %#08x of the %s mark", place, verbs[w.Kind], w.Bits,
		marks[w.Mark])
}

// maxWriters bounds the findings of a kind: beyond, one more changes nothing for whoever reads.
const maxWriters = 1000

// MarkWriters finds rules in the tables of others that can write the bits of epochMask in the
// conntrack mark, or of passedMark in the packet mark, and rules that leave packets untracked:
// at most 1,000 of each kind, in the kernel's order. What a rule writes is followed through its
// expressions and those of iptables-nft; what cannot be followed (maps, copies of another mark,
// expressions unknown here) counts as forging. It reads every rule of every foreign table.
//
// Out of sight are rules of iptables-legacy, programs that answer an NFQUEUE, tc and BPF, and
// whoever writes marks into conntrack entries by hand.
func (k *Kernel) MarkWriters(epochMask, passedMark uint32) ([]MarkWriter, error) {
	tables, err := k.dump(unix.NFT_MSG_GETTABLE, unix.AF_UNSPEC, nil)
	if err != nil {
		return nil, fmt.Errorf("tables: %w", err)
	}
	ours := [...]uint32{ConntrackMark: epochMask, PacketMark: passedMark}
	var all []MarkWriter
	for _, t := range tables {
		name := findString(t.attrs(), unix.NFTA_TABLE_NAME)
		if _, ok := familyOf(t.family()); ok && name == rs.TableName {
			continue
		}
		found, err := k.writersIn(t.family(), name, ours)
		if err != nil {
			return nil, fmt.Errorf("rules of %s %s: %w", familyName(t.family()), name, err)
		}
		all = append(all, found...)
	}
	return bound(all), nil
}

// bound keeps the first findings of each kind.
func bound(ws []MarkWriter) []MarkWriter {
	var count [Untracks + 1]int
	return slices.DeleteFunc(ws, func(w MarkWriter) bool {
		count[w.Kind]++
		return count[w.Kind] > maxWriters
	})
}

// writersIn looks through the rules of one table, none of which is kept.
func (k *Kernel) writersIn(family byte, table string, ours marks) ([]MarkWriter, error) {
	k.reader.mu.Lock()
	defer k.reader.mu.Unlock()
	var found []MarkWriter
	body := attrs(nil).str(unix.NFTA_RULE_TABLE, table)
	err := retry(func() error {
		found = nil
		return k.reader.each(unix.NFT_MSG_GETRULE, unix.NLM_F_DUMP, family, body, func(m message) {
			as := m.attrs()
			// Kernels before 4.3 do not know the filter.
			if findString(as, unix.NFTA_RULE_TABLE) != table {
				return
			}
			found = append(found, ruleWriters(m.family(), as, ours)...)
			if len(found) > 4*maxWriters {
				found = bound(found)
			}
		})
	})
	return found, err
}

// ruleWriters is what one rule does to marks of ours.
func ruleWriters(family byte, as []attr, ours marks) []MarkWriter {
	var found []MarkWriter
	for _, w := range followRule(findNest(as, unix.NFTA_RULE_EXPRESSIONS)) {
		f := MarkWriter{
			Kind:   Untracks,
			Family: familyName(family),
			Table:  findString(as, unix.NFTA_RULE_TABLE),
			Chain:  findString(as, unix.NFTA_RULE_CHAIN),
			Handle: findU64(as, unix.NFTA_RULE_HANDLE),
		}
		if !w.untracks {
			f.Mark, f.Bits = w.mark, (w.set|w.clear)&ours[w.mark]
			switch {
			case w.set&ours[w.mark] != 0:
				f.Kind = Forges
			case f.Bits != 0:
				f.Kind = Clears
			default:
				continue
			}
		}
		found = append(found, f)
	}
	return found
}

// familyName is nft's word for a family, a number for one that is not known here.
func familyName(number byte) string {
	names := map[byte]string{
		unix.NFPROTO_INET: "inet", unix.NFPROTO_IPV4: "ip", unix.NFPROTO_ARP: "arp",
		unix.NFPROTO_NETDEV: "netdev", unix.NFPROTO_BRIDGE: "bridge", unix.NFPROTO_IPV6: "ip6",
	}
	if name, ok := names[number]; ok {
		return name
	}
	return fmt.Sprint("family ", number)
}
