// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"net/netip"
	"time"

	"github.com/bulkhead-net/bulkhead/policy"
)

// The binary form of the cache is the header, entries, and a CRC-32. Numbers are varints, texts
// and lists begin with their length.
const cacheHeader = "bulkhead endpoint cache 2\n"

var errCache = errors.New("not an endpoint cache of this version")

func (c cache) encode() []byte {
	w := &cacheWriter{b: []byte(cacheHeader)}
	for name, entry := range c {
		w.text(name)
		w.number(entry.Inode)
		w.number(uint64(entry.Size))
		w.number(uint64(entry.Change))
		w.attachment(&entry.Attachment)
	}
	return binary.BigEndian.AppendUint32(w.b, crc32.ChecksumIEEE(w.b))
}

type cacheWriter struct{ b []byte }

func (w *cacheWriter) number(n uint64) { w.b = binary.AppendUvarint(w.b, n) }

func (w *cacheWriter) text(s string) {
	w.number(uint64(len(s)))
	w.b = append(w.b, s...)
}

func (w *cacheWriter) attachment(a *Attachment) {
	e := &a.Endpoint
	for _, s := range []string{e.ID, e.Namespace, e.Name, e.Interface, e.Network, a.ContainerID,
		a.NetNS, a.NetworkName, a.HostInterface, a.Bridge, a.MAC} {
		w.text(s)
	}
	w.truth(a.Isolated)
	w.time(a.Created)
	w.quarantine(a)
	w.number(uint64(len(e.Labels)))
	for key, value := range e.Labels {
		w.text(key)
		w.text(value)
	}
	w.number(uint64(len(e.Ports)))
	for _, p := range e.Ports {
		w.text(p.Name)
		w.number(uint64(p.Protocol))
		w.number(uint64(p.Port))
	}
	w.number(uint64(len(e.Addresses)))
	for _, addr := range e.Addresses {
		w.text(string(addr.AsSlice()))
	}
}

func (w *cacheWriter) truth(is bool) {
	n := uint64(0)
	if is {
		n = 1
	}
	w.number(n)
}

func (w *cacheWriter) time(t time.Time) {
	b, err := t.MarshalBinary()
	if err != nil { // a zone with seconds; the registry keeps UTC
		b = nil
	}
	w.text(string(b))
}

// quarantine is nothing but a zero for the many endpoints that are in none.
func (w *cacheWriter) quarantine(a *Attachment) {
	q := a.Endpoint.Quarantine
	w.truth(q != nil)
	if q == nil {
		return
	}
	w.text(a.QuarantineReason)
	w.time(a.QuarantinedSince)
	w.number(uint64(len(q.AllowFrom)))
	for _, p := range q.AllowFrom {
		w.text(string(p.Addr().AsSlice()))
		w.number(uint64(p.Bits()))
	}
}

// decodeCache is the inverse of encode. An entry that is no attachment makes the whole no cache.
func decodeCache(b []byte) (cache, error) {
	end := len(b) - crc32.Size
	if end < len(cacheHeader) || string(b[:len(cacheHeader)]) != cacheHeader ||
		binary.BigEndian.Uint32(b[end:]) != crc32.ChecksumIEEE(b[:end]) {
		return nil, errCache
	}
	r := &cacheReader{rest: b[len(cacheHeader):end]}
	c := cache{}
	for len(r.rest) > 0 {
		name := r.text()
		var entry cached
		entry.Inode, entry.Size, entry.Change = r.number(), int64(r.number()), int64(r.number())
		r.attachment(&entry.Attachment)
		if r.failed || name != fileName(entry.Endpoint.ID) || entry.Validate() != nil {
			return nil, errCache
		}
		c[name] = entry
	}
	return c, nil
}

type cacheReader struct {
	rest   []byte
	failed bool
}

func (r *cacheReader) number() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.failed, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *cacheReader) text() string {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.failed, r.rest = true, nil
		return ""
	}
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}

// count is the length of a list; each of its items takes a byte at least.
func (r *cacheReader) count() int {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.failed, r.rest = true, nil
		return 0
	}
	return int(n)
}

func (r *cacheReader) attachment(a *Attachment) {
	e := &a.Endpoint
	for _, s := range []*string{&e.ID, &e.Namespace, &e.Name, &e.Interface, &e.Network,
		&a.ContainerID, &a.NetNS, &a.NetworkName, &a.HostInterface, &a.Bridge, &a.MAC} {
		*s = r.text()
	}
	a.Isolated, a.Created = r.number() == 1, r.time()
	r.quarantine(a)
	for range r.count() {
		if e.Labels == nil {
			e.Labels = map[string]string{}
		}
		key := r.text()
		e.Labels[key] = r.text()
	}
	for range r.count() {
		e.Ports = append(e.Ports, policy.NamedPort{Name: r.text(), Protocol: uint8(r.number()),
			Port: uint16(r.number())})
	}
	for range r.count() {
		e.Addresses = append(e.Addresses, r.addr())
	}
}

func (r *cacheReader) addr() netip.Addr {
	addr, ok := netip.AddrFromSlice([]byte(r.text()))
	r.failed = r.failed || !ok
	return addr
}

func (r *cacheReader) time() time.Time {
	var at time.Time
	if text := r.text(); text != "" {
		r.failed = at.UnmarshalBinary([]byte(text)) != nil || r.failed
		at = at.UTC()
	}
	return at
}

// quarantine takes whatever it does not understand for a broken cache: no quarantine would be
// one that somebody has ordered and nobody keeps.
func (r *cacheReader) quarantine(a *Attachment) {
	switch r.number() {
	case 0:
		return
	case 1:
	default:
		r.failed = true
		return
	}
	a.QuarantineReason, a.QuarantinedSince = r.text(), r.time()
	a.Endpoint.Quarantine = &policy.Quarantine{}
	for range r.count() {
		addr, bits := r.addr(), r.number()
		if bits > 128 {
			r.failed = true
			return
		}
		a.Endpoint.Quarantine.AllowFrom = append(a.Endpoint.Quarantine.AllowFrom,
			netip.PrefixFrom(addr, int(bits)))
	}
}
