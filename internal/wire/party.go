// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"net/netip"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	v1 "github.com/bulkhead-net/bulkhead/internal/wire/bulkhead/v1"
)

func (e *encoder) party(field string, p flow.Party) *v1.Party {
	m := &v1.Party{
		Addr: e.addr(field+".addr", p.Addr), Prefix: e.prefix(field+".prefix", p.Prefix),
		Port: uint32(p.Port), Host: p.Host, Id: text(p.ID), Namespace: text(p.Namespace),
		Name: text(p.Name), Interface: text(p.Interface), Device: text(p.Device), Mac: text(p.MAC),
	}
	for k, v := range p.Labels {
		if m.Labels == nil {
			m.Labels = map[string]string{}
		}
		m.Labels[text(k)] = text(v)
	}
	return m
}

// addr refuses a zone, which means nothing on another machine: Device says where it was.
func (e *encoder) addr(field string, a netip.Addr) []byte {
	if a.Zone() != "" {
		e.fail(field, "%s has a zone", a)
	}
	return a.AsSlice()
}

func (e *encoder) prefix(field string, p netip.Prefix) *v1.Prefix {
	if p == (netip.Prefix{}) {
		return nil
	}
	if !p.IsValid() {
		e.fail(field, "%s is none", p)
		return nil
	}
	return &v1.Prefix{Addr: e.addr(field, p.Addr()), Bits: uint32(p.Bits())}
}

func (d *decoder) party(field string, m *v1.Party) flow.Party {
	p := flow.Party{
		Prefix: d.prefix(field+".prefix", m.GetPrefix()),
		Port:   narrow[uint16](d, field+".port", m.GetPort()), Host: m.GetHost(), ID: m.GetId(),
		Namespace: m.GetNamespace(), Name: m.GetName(), Interface: m.GetInterface(),
		Labels: m.GetLabels(), Device: m.GetDevice(), MAC: m.GetMac(),
	}
	if len(m.GetAddr()) > 0 {
		p.Addr = d.addr(field+".addr", m.GetAddr())
	}
	return p
}

func (d *decoder) addr(field string, b []byte) netip.Addr {
	a, ok := netip.AddrFromSlice(b)
	if !ok {
		d.fail(field, "an address of %d bytes", len(b))
	}
	return a
}

func (d *decoder) prefix(field string, m *v1.Prefix) netip.Prefix {
	if m == nil {
		return netip.Prefix{}
	}
	a := d.addr(field, m.GetAddr())
	if m.GetBits() > uint32(a.BitLen()) {
		d.fail(field, "%d bits of %s", m.GetBits(), a)
		return netip.Prefix{}
	}
	return netip.PrefixFrom(a, int(m.GetBits()))
}
