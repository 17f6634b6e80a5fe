// SPDX-License-Identifier: Apache-2.0

package node

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
)

// bridgesFile lists the bridges whose netfilter flags we set, to be given back on uninstall.
const bridgesFile = "bridges.json"

// enableNetfilter makes a bridge hand its frames to the IP hooks.
func (n *Node) enableNetfilter(bridge string) error {
	var ours []string
	if err := n.readJSON(bridgesFile, &ours); err != nil {
		n.note(err.Error())
	}
	changed, err := n.links.EnableBridgeNetfilter(bridge)
	if err != nil || !changed || slices.Contains(ours, bridge) {
		return err
	}
	if err := writeJSON(n.path(bridgesFile), append(ours, bridge)); err != nil {
		return fmt.Errorf("bridges: %w", err)
	}
	return nil
}

// enableIfBridge does so for a name that may be no bridge, or not exist yet.
func (n *Node) enableIfBridge(name string) error {
	bridges, err := n.links.ListBridges()
	if err != nil || !slices.Contains(bridges, name) {
		return err
	}
	return n.enableNetfilter(name)
}

// closeReserved makes a port's frames to reserved groups pass the bridge guard, or gives the
// port back as bridges leave it. A port that is gone sends nothing.
func (n *Node) closeReserved(a endpoint.Attachment, closed bool) error {
	if a.Bridge == "" {
		return nil
	}
	err := n.links.SetReserved(a.HostInterface, closed)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// MendLinks sets what bridges and ports of endpoints must have, and what somebody may have taken
// away: frames handed to the IP hooks, and reserved groups to the bridge guard. One that fails does
// not stop the others, and what it concerns is closed by the rules.
func (n *Node) MendLinks() error {
	var errs []error
	mended := map[string]bool{}
	for _, a := range n.attachments {
		errs = append(errs, n.closeReserved(a, true))
		if a.Bridge == "" || mended[a.Bridge] {
			continue
		}
		mended[a.Bridge] = true
		if err := n.enableNetfilter(a.Bridge); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	for _, name := range n.config.Managed.Interfaces {
		if !mended[name] {
			errs = append(errs, n.enableIfBridge(name))
		}
	}
	return errors.Join(errs...)
}

// restoreBridges gives the flags back.
func (n *Node) restoreBridges() error {
	var ours []string
	if err := n.readJSON(bridgesFile, &ours); err != nil {
		return err
	}
	var errs []error
	for _, bridge := range ours {
		if err := n.links.DisableBridgeNetfilter(bridge); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
