// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
)

// The protocols that are probed.
const (
	tcp  = "tcp"
	udp  = "udp"
	ping = "ping"
)

// service is what a workload answers.
type service struct {
	Protocol string
	Port     uint16
}

// String is the service as an administrator writes it: 5432/tcp, or ping.
func (s service) String() string {
	if s.Protocol == ping {
		return ping
	}
	return fmt.Sprintf("%d/%s", s.Port, s.Protocol)
}

// role is one of the cast: a container, or the host.
type role struct {
	namespace, name string
	network         string // empty for the host
	labels          string // as CNI_ARGS carries them
	services        []service
}

const hostName = "host"

// cast is who plays. The intruder gives neither a namespace nor labels.
var cast = []role{
	{"shop", "web", "shop-net", "app:web", []service{{tcp, 80}}},
	{"shop", "api", "shop-net", "app:api", []service{{tcp, 8080}}},
	{"shop", "db", "shop-net", "app:db", []service{{tcp, 5432}, {ping, 0}}},
	{"", "intruder", "shop-net", "", nil},
	{"ops", "monitor", "ops-net", "app:monitor", []service{{tcp, 9090}, {udp, 514}}},
	{"ops", "backup", "ops-net", "app:backup", []service{{tcp, 873}}},
	{"", hostName, "", "", []service{{tcp, 22}, {udp, 53}, {tcp, 2375}, {tcp, 80}}},
}

// The addresses at which a cloud answers for its machines; the stage's host plays it, on tcp/80.
var (
	metadataV4 = netip.MustParseAddr("169.254.169.254")
	metadataV6 = netip.MustParseAddr("fd00:ec2::254")
)

func member(name string) (role, error) {
	for _, r := range cast {
		if r.name == name {
			return r, nil
		}
	}
	return role{}, fmt.Errorf("no role %q", name)
}

func (r role) isHost() bool { return r.name == hostName }

// policyNamespace is where policies look for the role.
func (r role) policyNamespace() string {
	if r.namespace == "" {
		return "default"
	}
	return r.namespace
}

func (r role) String() string {
	if r.isHost() {
		return hostName
	}
	return r.policyNamespace() + "/" + r.name
}

// containerID is what a runtime would have made up.
func (r role) containerID() string {
	sum := sha256.Sum256([]byte(r.name))
	return hex.EncodeToString(sum[:6])
}

// column is one service that everybody tries to reach.
type column struct {
	target   role
	service  service
	metadata bool // at the metadata service's addresses
}

func (c column) name() string {
	if c.metadata {
		return "cloud"
	}
	return c.target.name
}

func columns() []column {
	var all []column
	for _, r := range cast {
		for _, s := range r.services {
			all = append(all, column{target: r, service: s,
				metadata: r.isHost() && s == service{tcp, 80}})
		}
	}
	return all
}
