// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// plugins measures ADD as a runtime sees it: a process that starts, attaches and ends. The
// rest of a node does not matter if it costs the same with few endpoints as with many.
func plugins(ctx context.Context, _ *rig, r *results) {
	for _, endpoints := range []int{10, 250, 1000} {
		must(guarded(func(g *rig) { pluginsAt(ctx, g, r, endpoints) }))
	}
}

func pluginsAt(ctx context.Context, g *rig, r *results, endpoints int) {
	s := newSite(g, manyPolicies)
	s.populate(endpoints)
	box := s.net.AddContainer(g, "box")
	plug := s.net.AttachRouted(g, box, testnet.Plug{Addresses: []string{"10.1.0.2/32"},
		Gateways: []string{"169.254.1.1"}})
	empty := filepath.Join(r.options.bin, "empty")
	var add, cpu, del, floor, rss []float64
	for i := range 60 {
		must(ctx.Err())
		floor = append(floor, ms(timedCommand(g, s.net.Namespace, exec.Command(empty)).wall))
		id := fmt.Sprintf("cni%d", i)
		p := timedCommand(g, s.net.Namespace, s.pluginCall(r, "ADD", id, box, plug))
		add, cpu = append(add, ms(p.wall)), append(cpu, ms(p.cpu))
		p = timedCommand(g, s.net.Namespace, s.pluginCall(r, "DEL", id, box, plug))
		del = append(del, ms(p.wall))
	}
	for range 5 {
		rss = append(rss, peakRSS(g, s.net.Namespace, s.pluginCall(r, "ADD", "rss", box, plug)))
	}
	name := fmt.Sprintf("%d endpoints, %d policies: ", endpoints, manyPolicies)
	p50 := r.sample(name+"CNI ADD", "ms", add)
	r.sample(name+"CNI ADD, CPU of the process", "ms", cpu)
	r.sample(name+"CNI DEL", "ms", del)
	base := r.sample(name+"start of an empty Go program", "ms", floor)
	r.sample(name+"CNI ADD, peak RSS", "MiB", rss)
	if endpoints != 250 {
		return
	}
	r.atMost("10", name+"CNI ADD, median", p50, 25, "ms",
		fmt.Sprintf("p99 %.1f ms, %.1f times an empty program", quantile(add, 0.99), p50/base))
	r.atMost("10 (stretch)", name+"CNI ADD, median", p50, 4, "ms", "")
}

// pluginCall is the call of a runtime, with what the plugins before ours returned.
func (s *site) pluginCall(r *results, command, id string, box *testnet.Container,
	plug testnet.Attachment) *exec.Cmd {
	cmd := exec.Command(filepath.Join(r.options.bin, "bulkhead"))
	cmd.Env = append(os.Environ(), "CNI_COMMAND="+command, "CNI_CONTAINERID="+id,
		"CNI_NETNS="+box.Path(), "CNI_IFNAME="+plug.Interface, "CNI_PATH="+r.options.bin,
		"CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME="+id)
	agent := ""
	if s.agent != "" {
		agent = fmt.Sprintf(`"agentSocket": %q,`, s.agent)
	}
	conf := fmt.Sprintf(`{"cniVersion": "1.0.0", "name": "bench", "type": "bulkhead", %s
		"stateDir": %q, "policyDir": %q, "labels": {"app": "app7", "caller": "c7"},
		"prevResult": {"cniVersion": "1.0.0",
			"interfaces": [{"name": %q}, {"name": %q, "mac": %q, "sandbox": %q}],
			"ips": [{"interface": 1, "address": "%s/32"}]}}`,
		agent, s.options.StateDir, s.options.PolicyDir, plug.HostInterface, plug.Interface, plug.MAC,
		box.Path(), plug.Addresses[0])
	cmd.Stdin = strings.NewReader(conf)
	cmd.Stdout = &bytes.Buffer{}
	return cmd
}
