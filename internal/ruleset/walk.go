// SPDX-License-Identifier: Apache-2.0

package ruleset

import "math"

// Device is one end of a packet's way through the node.
type Device struct {
	// Name is the interface, or the bridge port when Bridge is set.
	Name string
	Kind string // rtnl link kind of Name: "veth", empty for hardware
	// Bridge is the bridge that Name is a port of, empty for a routed interface.
	Bridge string
}

// Path is a packet's way through the node.
type Path struct {
	// In is where it comes in; the zero Device for one that the node itself sends.
	In Device
	// Out is where it goes out; the zero Device for one that the node itself receives.
	Out Device
	// Routed says that it is routed although both ends are ports of one bridge: it was
	// addressed to the node's own link-layer address.
	Routed bool
	// NoNetfilterBridge says that bridges do not hand their frames to the IP hooks
	// (br_netfilter is absent or off).
	NoNetfilterBridge bool
}

// walk is one packet on one path.
type walk struct {
	tracer *Tracer
	path   Path
	packet *Packet
	family Family // IP or IP6, Bridge for frames that are neither
	result Result
}

// Walk runs a packet through every hook of its path in the kernel's order, up to the first drop
// or reject. The packet's IIF, OIF and kinds are set hook by hook from the path; its marks are
// carried along and written back. Rules of other tables, and what NAT does to addresses, are
// for the caller.
func (t *Tracer) Walk(path Path, p *Packet) Result {
	w := &walk{tracer: t, path: path, packet: p, family: p.routedFamily()}
	switch {
	case path.bridged():
		w.bridged()
	case w.family != Bridge:
		w.routed()
	case path.In.Bridge != "":
		w.bridgeIn()
	case path.Out.Bridge != "":
		w.bridgeOut()
	}
	return w.result
}

// bridged tells whether the bridge forwards the frame from port to port.
func (p Path) bridged() bool {
	return p.In.Bridge != "" && p.In.Bridge == p.Out.Bridge && !p.Routed
}

func (p *Packet) routedFamily() Family {
	switch p.wireType() {
	case typeIP:
		return IP
	case typeIP6:
		return IP6
	}
	return Bridge
}

// hook runs one hook with the devices that the kernel shows there.
func (w *walk) hook(family Family, h Hook, which priorities, in, out Device) bool {
	seen := *w.packet
	seen.IIF, seen.IIFKind = in.Name, in.Kind
	seen.OIF, seen.OIFKind = out.Name, out.Kind
	if family != Bridge && seen.Type == PacketOtherHost {
		// br_netfilter shows a frame for another station as one for this host.
		seen.Type = PacketHost
	}
	passed := w.tracer.run(family, h, which, &seen, &w.result)
	w.packet.Mark, w.packet.CT.Mark = seen.Mark, seen.CT.Mark
	return passed
}

// at shows a device to the IP hooks: a bridge port appears as its bridge.
func (d Device) at() Device {
	if d.Bridge != "" {
		return Device{Name: d.Bridge, Kind: "bridge"}
	}
	return d
}

// handover tells whether br_netfilter hands the frame to the IP hooks.
func (w *walk) handover() bool { return !w.path.NoNetfilterBridge && w.family != Bridge }

// Where br_netfilter stands among the chains of a bridge hook (NF_BR_PRI_BRNF, and
// NF_BR_PRI_LAST in postrouting): chains before it run ahead of the IP hooks.
const (
	brnfPriority            = 0
	brnfPostroutingPriority = math.MaxInt32
)

// around runs a bridge hook with the IP hook that br_netfilter calls in its midst.
func (w *walk) around(h Hook, brnf int, in, out, ipIn, ipOut Device) bool {
	if !w.handover() {
		return w.hook(Bridge, h, everyPriority, in, out)
	}
	return w.hook(Bridge, h, priorities{math.MinInt, brnf - 1}, in, out) &&
		w.hook(w.family, h, everyPriority, ipIn, ipOut) &&
		w.hook(Bridge, h, priorities{brnf, math.MaxInt}, in, out)
}

// bridged is the way from port to port of one bridge. The IP hooks see the bridge as both
// devices in forward, and no input device in postrouting.
func (w *walk) bridged() {
	in, out := w.path.In, w.path.Out
	bridge, none := in.at(), Device{}
	_ = w.around(Prerouting, brnfPriority, in, none, bridge, none) &&
		w.around(Forward, brnfPriority, in, out, bridge, bridge) &&
		w.around(Postrouting, brnfPostroutingPriority, none, out, none, bridge)
}

// routed is the way of a packet that the node routes, receives or sends.
func (w *walk) routed() {
	in, out := w.path.In, w.path.Out
	if in != (Device{}) && !w.enter() {
		return
	}
	none := Device{}
	switch {
	case out == none:
		w.hook(w.family, Input, everyPriority, in.at(), none)
		return
	case in == none:
		if !w.hook(w.family, Output, everyPriority, none, out.at()) {
			return
		}
	default:
		if !w.hook(w.family, Forward, everyPriority, in.at(), out.at()) {
			return
		}
	}
	if w.hook(w.family, Postrouting, everyPriority, in.at(), out.at()) && out.Bridge != "" {
		w.bridgeOut()
	}
}

// enter is the way up to routing. With br_netfilter the bridge has run IP prerouting already,
// and IP does not run it again.
func (w *walk) enter() bool {
	in, none := w.path.In, Device{}
	if in.Bridge != "" && !w.bridgeIn() {
		return false
	}
	if in.Bridge != "" && w.handover() {
		return true
	}
	return w.hook(w.family, Prerouting, everyPriority, in.at(), none)
}

// bridgeIn is the way of a frame from a port up to its bridge.
func (w *walk) bridgeIn() bool {
	in, none := w.path.In, Device{}
	return w.around(Prerouting, brnfPriority, in, none, in.at(), none) &&
		w.hook(Bridge, Input, everyPriority, in, none)
}

// bridgeOut is the way of a frame from its bridge down to a port.
func (w *walk) bridgeOut() bool {
	out, none := w.path.Out, Device{}
	return w.hook(Bridge, Output, everyPriority, none, out) &&
		w.hook(Bridge, Postrouting, everyPriority, none, out)
}
