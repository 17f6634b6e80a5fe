// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// Errors wrap the kernel's error number, so that errors.Is tells fs.ErrNotExist (deleted what
// is not there, or referred to it), fs.ErrExist (added what is there) and fs.ErrPermission.
var (
	// ErrUnknownOutcome says that a transaction was handed to the kernel and its answer was
	// lost: it may be in force or not. Read the generation back.
	ErrUnknownOutcome = errors.New("outcome unknown")

	// ErrNotSupported says that this kernel lacks a feature that the operation uses, or does
	// not allow it at a hook from which the rule is reached. It matches errors.ErrUnsupported.
	ErrNotSupported error = notSupported{}

	// ErrInterrupted says that the kernel's state changed during every attempt to read it.
	ErrInterrupted = errors.New("changed while it was read")
)

type notSupported struct{}

func (notSupported) Error() string        { return "not supported by this kernel or at this hook" }
func (notSupported) Is(target error) bool { return target == errors.ErrUnsupported }

// refusal is the kernel's answer to a message as an error that names the operation.
func (b *batch) refusal(m message, index int) error {
	err := m.errorCode()
	if index < 0 {
		return fmt.Errorf("transaction: %w", err)
	}
	p := b.msgs[index]
	op := b.ops[p.op]
	name := opName(op)
	culprit := b.culprit(p.at, m)
	switch {
	case errors.Is(err, unix.EOPNOTSUPP), missingType(op, culprit, err):
		if culprit != "" {
			name += ": " + culprit
		}
		return fmt.Errorf("%s: %w", name, ErrNotSupported)
	case culprit != "":
		return fmt.Errorf("%s: %s: %w", name, culprit, err)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// missingType recognises expressions that the kernel does not have: it says "no such file",
// as it does for a set that a lookup does not find, and "protocol error" for conntrack in a
// family that has none.
func missingType(op rs.Op, culprit string, err error) bool {
	switch {
	case op.Kind != rs.AddRules:
		return false
	case errors.Is(err, unix.EPROTO):
		return true
	case !errors.Is(err, unix.ENOENT):
		return false
	}
	switch culprit {
	case "", "lookup", "dynset", "objref", "immediate":
		return false
	}
	return true
}

// culprit is the name of the expression at which the kernel's answer points, or nothing.
func (b *batch) culprit(at int, m message) string {
	const fixed = 4 + unix.SizeofNlMsghdr // error number, header of the request
	if m.flags&unix.NLM_F_ACK_TLVS == 0 || m.flags&unix.NLM_F_CAPPED == 0 ||
		len(m.data) < fixed {
		return ""
	}
	tlvs, _ := parseAttrs(m.data[fixed:])
	offset := find(tlvs, unix.NLMSGERR_ATTR_OFFS)
	if len(offset) != 4 {
		return ""
	}
	from := at + int(binary.NativeEndian.Uint32(offset))
	if from+unix.SizeofNlAttr > len(b.buf) {
		return ""
	}
	n := int(binary.NativeEndian.Uint16(b.buf[from:]))
	typ := binary.NativeEndian.Uint16(b.buf[from+2:]) &^ unix.NLA_F_NESTED
	isRule := binary.NativeEndian.Uint16(b.buf[at+4:])&0xff == unix.NFT_MSG_NEWRULE
	if !isRule || typ != unix.NFTA_LIST_ELEM || n < unix.SizeofNlAttr || from+n > len(b.buf) {
		return ""
	}
	inner, _ := parseAttrs(b.buf[from+unix.SizeofNlAttr : from+n])
	return findString(inner, unix.NFTA_EXPR_NAME)
}
