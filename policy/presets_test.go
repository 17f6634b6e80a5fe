// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

// preset loads shipped documents for a judgement.
func preset(t *testing.T, names ...string) *Set {
	t.Helper()
	var files []File
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join("../docs/examples", name))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, File{Name: name, Data: text})
	}
	return Load(files, nil)
}

func TestPresetsDecide(t *testing.T) {
	workload := func(id, address string, labels map[string]string) Party {
		a := netip.MustParseAddr(address)
		return Party{Addr: a, Endpoint: &Endpoint{ID: id, Namespace: "default", Name: id,
			Labels: labels, Addresses: []netip.Addr{a}}}
	}
	outside := func(address string) Party { return Party{Addr: netip.MustParseAddr(address)} }
	plain := workload("plain", "10.0.0.2", nil)
	card := workload("card", "10.0.0.3", map[string]string{"zone": "pci"})
	vault := workload("vault", "10.0.0.4", map[string]string{"zone": "pci"})
	web := workload("web", "10.0.0.5", map[string]string{"tier": "web"})
	host := Party{Addr: netip.MustParseAddr("10.0.0.1"), Host: true}
	world, bank := outside("203.0.113.9"), outside("198.51.100.7")

	cases := []struct {
		preset   string
		name     string
		from, to Party
		protocol uint8
		port     uint16
		want     Action
	}{
		{"host-closed.yaml", "dns", plain, host, ProtocolUDP, 53, Accept},
		{"host-closed.yaml", "ssh", plain, host, ProtocolTCP, 22, Deny},
		{"host-closed.yaml", "world", plain, world, ProtocolTCP, 22, Accept},
		{"host-closed.yaml", "health check", host, plain, ProtocolTCP, 80, Accept},
		{"default-deny.yaml", "dns", plain, world, ProtocolUDP, 53, Accept},
		{"default-deny.yaml", "http", plain, world, ProtocolTCP, 80, Deny},
		{"default-deny.yaml", "neighbour", plain, web, ProtocolTCP, 80, Deny},
		{"default-deny.yaml", "inbound", world, plain, ProtocolTCP, 80, Deny},
		{"cloud-metadata.yaml", "IPv4", plain, outside("169.254.169.254"), ProtocolTCP, 80, Deny},
		{"cloud-metadata.yaml", "IPv6", plain, outside("fd00:ec2::254"), ProtocolTCP, 80, Deny},
		{"cloud-metadata.yaml", "other", plain, outside("169.254.169.1"), ProtocolTCP, 80, Accept},
		{"management-planes.yaml", "docker", plain, host, ProtocolTCP, 2375, Deny},
		{"management-planes.yaml", "kubelet", plain, world, ProtocolTCP, 10250, Deny},
		{"management-planes.yaml", "ipmi", plain, world, ProtocolUDP, 623, Deny},
		{"management-planes.yaml", "libvirt", plain, host, ProtocolTCP, 16514, Deny},
		{"management-planes.yaml", "etcd of a neighbour", plain, web, ProtocolTCP, 2379, Accept},
		{"management-planes.yaml", "https", plain, world, ProtocolTCP, 443, Accept},
		{"pci.yaml", "inside", card, vault, ProtocolTCP, 5432, Accept},
		{"pci.yaml", "way in", web, card, ProtocolTCP, 8443, Accept},
		{"pci.yaml", "other port", web, card, ProtocolTCP, 22, Reject},
		{"pci.yaml", "neighbour", plain, card, ProtocolTCP, 8443, Reject},
		{"pci.yaml", "world in", world, card, ProtocolTCP, 8443, Deny},
		{"pci.yaml", "world out", card, world, ProtocolTCP, 443, Deny},
		{"pci.yaml", "bank", card, bank, ProtocolTCP, 443, Accept},
		{"pci.yaml", "host", card, host, ProtocolTCP, 22, Deny},
		{"pci.yaml", "dns", card, host, ProtocolUDP, 53, Accept},
		{"pci.yaml", "health check", host, card, ProtocolTCP, 8443, Accept},
		{"pci.yaml", "not concerned", plain, world, ProtocolTCP, 443, Accept},
	}
	for _, c := range cases {
		t.Run(c.preset+" "+c.name, func(t *testing.T) {
			got := preset(t, c.preset).Evaluate(Flow{From: c.from, To: c.to, Protocol: c.protocol,
				Port: c.port})
			if got.Action != c.want {
				t.Errorf("got %s (%s), want %s", got.Action, got.Why, c.want)
			}
		})
	}
}
