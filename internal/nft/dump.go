// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// readAttempts bounds how often a read is begun again that a concurrent change disturbed.
const readAttempts = 20

// dump reads all objects of a kind. A dump that a concurrent change interrupted is begun
// again: it may lack objects that are there, and nothing is ever concluded from it.
func (k *Kernel) dump(typ uint16, family byte, body attrs) ([]message, error) {
	k.reader.mu.Lock()
	defer k.reader.mu.Unlock()
	var ms []message
	err := retry(func() error {
		var err error
		ms, err = k.reader.request(typ, unix.NLM_F_DUMP, family, body)
		return err
	})
	return ms, err
}

// retry runs read until it is not interrupted. read must begin anew each time.
func retry(read func() error) error {
	for attempt := range readAttempts {
		time.Sleep(time.Duration(attempt) * time.Millisecond)
		if err := read(); !errors.Is(err, ErrInterrupted) {
			return err
		}
	}
	return ErrInterrupted
}

// get asks a question that has one answer.
func (k *Kernel) get(typ uint16, family byte, body attrs) (message, error) {
	k.reader.mu.Lock()
	defer k.reader.mu.Unlock()
	ms, err := k.reader.request(typ, unix.NLM_F_ACK, family, body)
	if err == nil && len(ms) != 1 {
		err = fmt.Errorf("%d answers to request %d", len(ms), typ)
	}
	if err != nil {
		return message{}, err
	}
	return ms[0], nil
}

// request sends one request and collects the answers up to the end of the dump, or to the
// acknowledgement.
func (s *socket) request(typ, flags uint16, family byte, body attrs) ([]message, error) {
	var found []message
	err := s.each(typ, flags, family, body, func(m message) {
		m.data = bytes.Clone(m.data)
		found = append(found, m)
	})
	return found, err
}

// each is request for answers that are too many to keep: it hands each on, valid until visit
// returns.
func (s *socket) each(typ, flags uint16, family byte, body attrs, visit func(message)) error {
	s.seq++
	seq := s.seq
	b := binary.NativeEndian.AppendUint32(nil, uint32(headerLen+len(body)))
	b = binary.NativeEndian.AppendUint16(b, unix.NFNL_SUBSYS_NFTABLES<<8|typ)
	b = binary.NativeEndian.AppendUint16(b, flags|unix.NLM_F_REQUEST)
	b = binary.NativeEndian.AppendUint32(b, seq)
	b = append(b, 0, 0, 0, 0, family, unix.NFNETLINK_V0, 0, 0)
	if err := s.send(append(b, body...)); err != nil {
		return err
	}
	interrupted := false
	for {
		ms, err := s.receive(true)
		if err != nil {
			return err
		}
		for _, m := range ms {
			if m.seq != seq {
				continue // the rest of an answer that was given up
			}
			interrupted = interrupted || m.flags&unix.NLM_F_DUMP_INTR != 0
			if m.typ != unix.NLMSG_DONE && m.typ != unix.NLMSG_ERROR {
				visit(m)
				continue
			}
			err := m.errorCode()
			if err == nil && interrupted {
				err = ErrInterrupted
			}
			return err
		}
	}
}

// generationID is nf_tables' own counter of committed transactions, of everybody's.
func (k *Kernel) generationID() (uint32, error) {
	m, err := k.get(unix.NFT_MSG_GETGEN, unix.AF_UNSPEC, nil)
	if err != nil {
		return 0, fmt.Errorf("generation id: %w", err)
	}
	return findU32(m.attrs(), unix.NFTA_GEN_ID), nil
}

// snapshot runs read until nothing was committed while it ran, so that what it collects over
// several requests was in force at one moment. read must begin anew each time.
func (k *Kernel) snapshot(read func() error) error {
	return retry(func() error {
		before, err := k.generationID()
		if err != nil {
			return err
		}
		readErr := read()
		after, err := k.generationID()
		if err == nil && before != after {
			err = ErrInterrupted
		}
		return cmp.Or(err, readErr)
	})
}

// Tables lists the families in which a table of ours exists.
func (k *Kernel) Tables() ([]rs.Family, error) {
	ms, err := k.dump(unix.NFT_MSG_GETTABLE, unix.AF_UNSPEC, nil)
	if err != nil {
		return nil, fmt.Errorf("tables: %w", err)
	}
	var found []rs.Family
	for _, m := range ms {
		if findString(m.attrs(), unix.NFTA_TABLE_NAME) != rs.TableName {
			continue
		}
		if f, ok := familyOf(m.family()); ok {
			found = append(found, f)
		}
	}
	return found, nil
}

func familyOf(number byte) (rs.Family, bool) {
	for f, n := range families {
		if n == number {
			return rs.Family(f), true
		}
	}
	return 0, false
}
