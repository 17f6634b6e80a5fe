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
const cacheHeader = "bulkhead endpoint cache 1\n"

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
	isolated := uint64(0)
	if a.Isolated {
		isolated = 1
	}
	for _, s := range []string{e.ID, e.Namespace, e.Name, e.Interface, e.Network, a.ContainerID,
		a.NetNS, a.NetworkName, a.HostInterface, a.Bridge, a.MAC} {
		w.text(s)
	}
	w.number(isolated)
	created, err := a.Created.MarshalBinary()
	if err != nil { // a zone with seconds; the registry keeps UTC
		created = nil
	}
	w.text(string(created))
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
	a.Isolated = r.number() == 1
	if created := r.text(); created != "" {
		var at time.Time
		r.failed = at.UnmarshalBinary([]byte(created)) != nil || r.failed
		a.Created = at.UTC()
	}
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
		addr, ok := netip.AddrFromSlice([]byte(r.text()))
		r.failed = r.failed || !ok
		e.Addresses = append(e.Addresses, addr)
	}
}
