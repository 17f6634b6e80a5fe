// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"bytes"
	"fmt"

	"golang.org/x/sys/unix"

	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// elementsOf reads what is in a set. A set that is not there is fs.ErrNotExist.
//
// The kernel dumps a hash in pieces and finds its place again by counting. When the hash was
// resized in between, as it is in the background after many elements were added, a dump
// repeats some elements and lacks as many others, without any sign of interruption (seen on
// Linux 6.18: 2,141 of 20,000). Such a dump is begun again.
func (k *Kernel) elementsOf(family rs.Family, set string) ([][]attr, error) {
	var found [][]attr
	err := retry(func() error {
		ms, err := k.dump(unix.NFT_MSG_GETSETELEM, families[family], attrs(nil).
			str(unix.NFTA_SET_ELEM_LIST_TABLE, rs.TableName).
			str(unix.NFTA_SET_ELEM_LIST_SET, set))
		if err != nil {
			return err
		}
		found = nil
		for _, m := range ms {
			for _, e := range findNest(m.attrs(), unix.NFTA_SET_ELEM_LIST_ELEMENTS) {
				as, _ := parseAttrs(e.data)
				found = append(found, as)
			}
		}
		if repeats(found) {
			return ErrInterrupted
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("elements of %s %s %s: %w", family, rs.TableName, set, err)
	}
	return found, nil
}

// repeats tells whether an element stands twice in a dump.
func repeats(found [][]attr) bool {
	seen := make(map[string]bool, len(found))
	for _, as := range found {
		seen[decodeElement(as).id()] = true
	}
	return len(seen) < len(found)
}

// decodeElement is an element as the kernel reports it.
func decodeElement(as []attr) kernelElement {
	e := kernelElement{
		key:   find(findNest(as, unix.NFTA_SET_ELEM_KEY), unix.NFTA_DATA_VALUE),
		end:   findU32(as, unix.NFTA_SET_ELEM_FLAGS)&unix.NFT_SET_ELEM_INTERVAL_END != 0,
		udata: find(as, unix.NFTA_SET_ELEM_USERDATA),
	}
	data := findNest(as, unix.NFTA_SET_ELEM_DATA)
	if v := findNest(data, unix.NFTA_DATA_VERDICT); v != nil {
		e.verdict = decodeVerdict(v)
	}
	return e
}

func decodeVerdict(as []attr) rs.Verdict {
	code := int32(findU32(as, unix.NFTA_VERDICT_CODE))
	for kind, c := range verdictKinds {
		if int32(c) == code {
			chain := findString(as, unix.NFTA_VERDICT_CHAIN)
			return rs.Verdict{Kind: rs.VerdictKind(kind), Chain: chain}
		}
	}
	return rs.Verdict{}
}

// equal compares what the kernel keeps of an element. The flags in the user data follow from
// the bounds, so that only the comment counts.
func (e kernelElement) equal(o kernelElement) bool {
	return e.end == o.end && e.verdict == o.verdict && bytes.Equal(e.key, o.key) &&
		findComment(e.udata) == findComment(o.udata)
}

// id is the element's identity inside its set: its key, and which bound it is.
func (e kernelElement) id() string {
	if e.end {
		return "end " + string(e.key)
	}
	return "key " + string(e.key)
}

// Count is what a counter has seen since it was made.
type Count struct {
	Packets, Bytes uint64
}

func decodeCount(as []attr) Count {
	return Count{
		Packets: findU64(as, unix.NFTA_COUNTER_PACKETS),
		Bytes:   findU64(as, unix.NFTA_COUNTER_BYTES),
	}
}

// elementCount is the counter of an element of a dynamic set. Kernels report a single
// expression as such, and several as a list.
func elementCount(as []attr) Count {
	expr := findNest(as, unix.NFTA_SET_ELEM_EXPR)
	if findString(expr, unix.NFTA_EXPR_NAME) == "counter" {
		return decodeCount(findNest(expr, unix.NFTA_EXPR_DATA))
	}
	for _, e := range findNest(as, attrElementExpressions) {
		expr, _ := parseAttrs(e.data)
		if findString(expr, unix.NFTA_EXPR_NAME) == "counter" {
			return decodeCount(findNest(expr, unix.NFTA_EXPR_DATA))
		}
	}
	return Count{}
}

const attrElementExpressions = 11 // NFTA_SET_ELEM_EXPRESSIONS
