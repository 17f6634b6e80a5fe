// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/bulkhead-net/bulkhead/policy"
)

// Attachment is one interface of a container and where it meets the host.
type Attachment struct {
	// Endpoint is what policies see. Its ID is ContainerID, a slash, and its Interface.
	Endpoint policy.Endpoint `json:"endpoint"`
	// ContainerID is the runtime's name for the container.
	ContainerID string `json:"containerID"`
	// NetNS is the path of the container's network namespace at ADD, or empty.
	NetNS string `json:"netns,omitempty"`
	// NetworkName is the CNI network that made the attachment; garbage collection goes by it.
	NetworkName string `json:"networkName"`
	// HostInterface is the host's end: a veth.
	HostInterface string `json:"hostInterface"`
	// Bridge is the bridge of which HostInterface is a port; empty means routed.
	Bridge string `json:"bridge,omitempty"`
	// MAC is the hardware address of the container's end, lower case with colons.
	MAC string `json:"mac"`
	// Isolated closes the way to the other isolated endpoints of the same bridge.
	Isolated bool `json:"isolated,omitempty"`
	// Created is when the attachment was made, in UTC.
	Created time.Time `json:"created,omitzero"`
	// QuarantineReason says why the endpoint is in quarantine, QuarantinedSince since when, in
	// UTC. Both are empty when it is in none.
	QuarantineReason string    `json:"quarantineReason,omitempty"`
	QuarantinedSince time.Time `json:"quarantinedSince,omitzero"`
}

// ID returns the identity of the endpoint of a container's interface.
func ID(containerID, ifname string) string { return containerID + "/" + ifname }

// maxContainerID keeps error messages and kernel comments sane.
const maxContainerID = 256

// isContainerID reports whether s has the form that the CNI specification demands. A regular
// expression with this length would be compiled at each start of the plugin, for milliseconds.
func isContainerID(s string) bool {
	if s == "" || len(s) > maxContainerID {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && (i == 0 || c != '_' && c != '.' && c != '-') {
			return false
		}
	}
	return true
}

// Validate reports everything that makes a an impossible attachment.
func (a Attachment) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if err := validateID(a.ContainerID, a.Endpoint.Interface); err != nil {
		errs = append(errs, err)
	}
	if want := ID(a.ContainerID, a.Endpoint.Interface); a.Endpoint.ID != want {
		bad("id %q is not %q", a.Endpoint.ID, want)
	}
	if !interfaceName(a.HostInterface) {
		bad("host interface %q is not an interface name", a.HostInterface)
	}
	if a.Bridge != "" && !interfaceName(a.Bridge) {
		bad("bridge %q is not an interface name", a.Bridge)
	}
	if mac, err := net.ParseMAC(a.MAC); err != nil || len(mac) != 6 || mac.String() != a.MAC {
		bad("mac %q is not six bytes in lower case with colons", a.MAC)
	}
	if a.NetNS != "" && !filepath.IsAbs(a.NetNS) {
		bad("netns %q is not an absolute path", a.NetNS)
	}
	seen := map[netip.Addr]bool{}
	for _, addr := range a.Endpoint.Addresses {
		if !addr.IsValid() || addr.Zone() != "" || addr.Is4In6() || addr.IsUnspecified() ||
			addr.IsMulticast() || seen[addr] {
			bad("address %q is not one unicast address, stated once", addr)
		}
		seen[addr] = true
	}
	errs = append(errs, a.validateQuarantine()...)
	return errors.Join(errs...)
}

func validateID(containerID, ifname string) error {
	if !isContainerID(containerID) {
		return fmt.Errorf("container id %q: not letters, digits, '_', '.' and '-', at most %d",
			containerID, maxContainerID)
	}
	if !interfaceName(ifname) {
		return fmt.Errorf("interface %q is not an interface name", ifname)
	}
	return nil
}

// interfaceName follows the kernel's dev_valid_name.
func interfaceName(s string) bool {
	if s == "" || len(s) > 15 || s == "." || s == ".." {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == '/' || c == ':' || c >= 0x7f {
			return false
		}
	}
	return true
}

// encode returns the one text of an attachment.
func encode(a Attachment) ([]byte, error) {
	b, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

// decode accepts exactly what encode writes. Comparing the texts refuses what a JSON decoder
// forgives: a key stated twice or in another case, of which two readers believe different
// values.
func decode(text []byte) (Attachment, error) {
	var a Attachment
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		return Attachment{}, err
	}
	if _, err := d.Token(); err != io.EOF {
		return Attachment{}, errors.New("text after the attachment")
	}
	if err := a.Validate(); err != nil {
		return Attachment{}, err
	}
	canonical, err := encode(a)
	if err != nil {
		return Attachment{}, err
	}
	if !bytes.Equal(canonical, text) {
		return Attachment{}, errors.New("not in the form that the registry writes")
	}
	return a, nil
}
