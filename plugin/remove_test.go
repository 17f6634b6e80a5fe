// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/policy"
)

func TestDelIsIdempotent(t *testing.T) {
	b := newBench(t)
	b.ok("ADD", confWith("", bridgeResult))
	for _, tc := range []struct{ netns, args, prevResult string }{
		{b.netns, "", bridgeResult},
		{b.netns, "", bridgeResult}, // again
		{"", "", ""},
		{"/gone/netns", "", ""},
		{"relative", "rubbish", `{"cniVersion": "rubbish"}`},
	} {
		b.env["CNI_NETNS"], b.env["CNI_ARGS"] = tc.netns, tc.args
		if out := b.ok("DEL", confWith("", tc.prevResult)); out != "" {
			t.Errorf("DEL: got output %q, want none", out)
		}
		b.node.none(t)
	}
}

func TestDelTakesOneInterface(t *testing.T) {
	b := newBench(t)
	for _, id := range []string{"web1/eth0", "web1/eth1", "web2/eth0"} {
		b.node.attachments = append(b.node.attachments, attachment(id, "net1"))
	}
	b.links.err = errors.New("links must not matter")
	b.ok("DEL", confWith("", ""))
	if got := b.node.many(t, 2); got[0].Endpoint.ID != "web1/eth1" {
		t.Errorf("left: got %v", got)
	}
	b.node.detachErr = fmt.Errorf("apply: refused")
	b.fails("DEL", confWith("", ""), NotEnforced, "refused")
	b.openErr = fmt.Errorf("lock: %w", errors.ErrUnsupported)
	b.fails("DEL", confWith("", ""), NotEnforced, "lock")
}

// attachment makes one from "container/interface".
func attachment(id, network string) endpoint.Attachment {
	container, ifname := id[:4], id[5:]
	return endpoint.Attachment{ContainerID: container, NetworkName: network,
		Endpoint: policy.Endpoint{ID: id, Interface: ifname}}
}

func TestGC(t *testing.T) {
	b := newBench(t)
	all := []endpoint.Attachment{attachment("web1/eth0", "net1"), attachment("web1/eth1", "net1"),
		attachment("web2/eth0", "net1"), attachment("web3/eth0", "net2")}
	const valid = `"cni.dev/valid-attachments"`
	for _, tc := range []struct {
		list string
		want []string
	}{
		{`[{"containerID": "web1", "ifname": "eth0"}, {"containerID": "new", "ifname": "eth0"}]`,
			[]string{"web1/eth0", "web3/eth0"}},
		{`[]`, []string{"web3/eth0"}},
		{`null`, []string{"web3/eth0"}},
	} {
		b.node.attachments = slices.Clone(all)
		// The policies' name of the network is not the name that is collected by.
		b.ok("GC", versioned(confWith(`"network": "net2", `+valid+`: `+tc.list, ""), "1.1.0"))
		var got []string
		for _, a := range b.node.attachments {
			got = append(got, a.Endpoint.ID)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: got %v left, want %v", tc.list, got, tc.want)
		}
	}
	b.node.attachments = slices.Clone(all)
	b.fails("GC", versioned(confWith("", ""), "1.1.0"), InvalidConf, "cni.dev/valid-attachments")
	b.fails("GC", versioned(confWith(valid+`: [{"ifname": "eth0"}]`, ""), "1.1.0"), InvalidConf)
	b.node.many(t, 4)
}
