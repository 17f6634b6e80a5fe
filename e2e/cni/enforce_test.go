// SPDX-License-Identifier: Apache-2.0

package cni_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/containernetworking/cni/libcni"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

const onlyWebToDB = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: default}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web-to-db, namespace: default}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: sql}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web-out, namespace: default}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress: [{}]
`

// TestEnforced: when ADD has returned, the policies hold, between two bridged containers and
// between a bridged and a routed one, in both families, by labels and ports of every source.
func TestEnforced(t *testing.T) {
	h := newHost(t)
	h.policy(t, onlyWebToDB)
	bridged := h.list(t, "net1", "1.0.0", h.bridge(1), object{
		"args": object{"cni": object{"labels": []object{{"key": "net", "value": "one"}}}}})
	routed := h.list(t, "net2", "1.0.0", h.ptp(2), object{"labels": object{"app": "web"}})
	db := h.attach(t, bridged, "db1", "BULKHEAD_LABELS=app:db,bulkhead.dev/ports:sql:5432/tcp")
	web := h.attach(t, bridged, "web1", "BULKHEAD_LABELS=app:web")
	far := h.attach(t, routed, "web2")
	other := h.attach(t, bridged, "other1")
	foreign := h.attach(t, bridged, "pod1", "K8S_POD_NAMESPACE=shop", "K8S_POD_NAME=web-0",
		"BULKHEAD_LABELS=app:web")
	db.Serve(t, "tcp", 5432)
	db.Serve(t, "tcp", 5433)
	for _, tc := range []struct {
		from *attachment
		port uint16
		want error
	}{
		{web, 5432, nil}, {far, 5432, nil},
		{web, 5433, testnet.ErrTimeout}, {far, 5433, testnet.ErrTimeout},
		{other, 5432, testnet.ErrTimeout}, {foreign, 5432, testnet.ErrTimeout},
	} {
		for _, addr := range []netip.Addr{db.v4, db.v6} {
			err := tc.from.Dial("tcp", netip.AddrPortFrom(addr, tc.port).String(), 0)
			if !errors.Is(err, tc.want) {
				t.Errorf("%s to %s port %d: got %v, want %v", tc.from.Name, addr, tc.port, err, tc.want)
			}
		}
	}
}

// TestSeveralInterfaces: each interface of a container is an endpoint of its own.
func TestSeveralInterfaces(t *testing.T) {
	h := newHost(t)
	first := h.attach(t, h.list(t, "net1", "1.0.0", h.bridge(1), nil), "web1")
	second := &attachment{Container: first.Container,
		list: h.list(t, "net2", "1.0.0", h.ptp(2), nil)}
	second.rt = &libcni.RuntimeConf{ContainerID: "web1", NetNS: first.Path(), IfName: "net1"}
	// ptp sets the same default routes as bridge and would refuse.
	ipam := h.hostLocal(2)
	delete(ipam, "routes")
	second.list = h.list(t, "net2", "1.0.0", object{"type": "ptp", "ipam": ipam}, nil)
	if err := h.add(second); err != nil {
		t.Fatalf("ADD net1: %v", err)
	}
	if n := h.registered(t); n != 2 {
		t.Errorf("registry: got %d attachments, want 2", n)
	}
	for _, a := range []*attachment{first, second} {
		if err := h.check(a); err != nil {
			t.Errorf("CHECK %s: %v", a.rt.IfName, err)
		}
	}
	if err := h.del(first); err != nil {
		t.Errorf("DEL eth0: %v", err)
	}
	if err := h.check(second); err != nil {
		t.Errorf("CHECK net1 after DEL eth0: %v", err)
	}
	if err := h.del(second); err != nil {
		t.Errorf("DEL net1: %v", err)
	}
	h.wantNothing(t)
}
