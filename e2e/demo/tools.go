// SPDX-License-Identifier: Apache-2.0

//go:build tools

package main

// The demo builds these programs of the CNI project; importing them keeps them in go.mod.
import (
	_ "github.com/containernetworking/plugins/plugins/ipam/host-local"
	_ "github.com/containernetworking/plugins/plugins/main/bridge"
	_ "github.com/containernetworking/plugins/plugins/main/ptp"
)
