// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"net/netip"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/policy"
)

// saved is what the next run goes on from.
type saved struct {
	Format int    `json:"format"`
	Boot   string `json:"boot"`
	// Agent and Sequence are of the last record that this state knows.
	Agent    string `json:"agent"`
	Sequence uint64 `json:"sequence"`
	// Saved is when the window before was closed, Since when the ledger began.
	Saved time.Time `json:"saved"`
	Since time.Time `json:"since"`
	// Tables are the handles of the tables that were read last.
	Tables map[string]uint64 `json:"tables"`
	Ledger flow.LedgerState  `json:"ledger"`

	elements []flow.Element
	until    map[flow.FlowKey]time.Time
}

const savedFormat = 1

var errSaved = errors.New("saved state cannot be believed")

// encode is a line of JSON, the elements behind each other, and a checksum of all.
func (s *saved) encode() ([]byte, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	b = append(b, '\n')
	for _, e := range s.elements {
		b = appendElement(b, e, s.until[e.Flow])
	}
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b)), nil
}

func appendElement(b []byte, e flow.Element, until time.Time) []byte {
	k := e.Flow
	b = append(b, byte(k.Direction), k.Proto)
	b = binary.BigEndian.AppendUint16(b, k.Port)
	client, server := k.Client.As16(), k.Server.As16()
	b = append(append(b, client[:]...), server[:]...)
	b = binary.BigEndian.AppendUint64(b, e.Packets)
	b = binary.BigEndian.AppendUint64(b, e.Bytes)
	return binary.BigEndian.AppendUint64(b, uint64(until.UnixMilli()))
}

// elementSize is what appendElement adds.
const elementSize = 2 + 2 + 2*16 + 3*8

func decodeSaved(b []byte) (saved, error) {
	const sum = 4
	var s saved
	if len(b) < sum || crc32.ChecksumIEEE(b[:len(b)-sum]) !=
		binary.BigEndian.Uint32(b[len(b)-sum:]) {
		return s, fmt.Errorf("%w: its checksum is wrong", errSaved)
	}
	head, rest, _ := bytes.Cut(b[:len(b)-sum], []byte{'\n'})
	if err := json.Unmarshal(head, &s); err != nil {
		return s, fmt.Errorf("%w: %w", errSaved, err)
	}
	if s.Format != savedFormat || len(rest)%elementSize != 0 {
		return s, fmt.Errorf("%w: format %d, accepted %d", errSaved, s.Format, savedFormat)
	}
	s.until = map[flow.FlowKey]time.Time{}
	for ; len(rest) > 0; rest = rest[elementSize:] {
		e, until := elementOf(rest)
		s.elements = append(s.elements, e)
		s.until[e.Flow] = until
	}
	return s, nil
}

func elementOf(b []byte) (flow.Element, time.Time) {
	number := func(at int) uint64 { return binary.BigEndian.Uint64(b[at:]) }
	k := flow.FlowKey{Direction: policy.Direction(b[0]), Proto: b[1],
		Port:   binary.BigEndian.Uint16(b[2:]),
		Client: netip.AddrFrom16([16]byte(b[4:20])).Unmap(),
		Server: netip.AddrFrom16([16]byte(b[20:36])).Unmap()}
	return flow.Element{Flow: k, Packets: number(36), Bytes: number(44)},
		time.UnixMilli(int64(number(52)))
}
