// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
	"github.com/bulkhead-net/bulkhead/policy"
)

const (
	// patience is for probes that are to be answered: it costs nothing when they are.
	patience = 3 * time.Second
	// silence is how long a probe that is to be dropped waits for what must not come. It is
	// some hundred round trips of this network.
	silence = 200 * time.Millisecond
)

// probe is one connection attempt.
type probe struct{ policy.Flow }

func (p probe) String() string { return p.Flow.String() }

func (p probe) isICMP() bool {
	return p.Protocol == policy.ProtocolICMP || p.Protocol == policy.ProtocolICMPv6
}

var portWords = map[uint8]string{policy.ProtocolTCP: "tcp", policy.ProtocolUDP: "udp",
	policy.ProtocolSCTP: "sctp"}

// localPorts gives every probe a source port of its own, so that none meets the conntrack
// entry of another.
var localPorts atomic.Uint32

func localPort() uint16 { return uint16(10000 + localPorts.Add(1)%50000) }

// run sends the probe: a line that must come back, or a packet that must arrive.
func (n *node) run(p probe, timeout time.Duration) error {
	word, ported := portWords[p.Protocol]
	if !ported {
		return n.sendRaw(p, timeout)
	}
	from := netip.AddrPortFrom(p.From.Addr, localPort())
	to := netip.AddrPortFrom(p.To.Addr, p.Port)
	c, err := n.namespaceOf(p.From).Open(word, from.String(), to.String(), timeout)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Echo(timeout)
}

// expected is how a probe ends under a decision.
func expected(p probe, d policy.Decision) error {
	switch {
	case d.Action == policy.Accept:
		return nil
	case d.Action == policy.Deny || p.From.Host:
		// Towards the own node nothing is rejected: its packets are judged where the kernel
		// allows no answer.
		return testnet.ErrTimeout
	case p.Protocol == policy.ProtocolTCP:
		return testnet.ErrRefused
	}
	return testnet.ErrProhibited
}

// result is a probe with what was to come of it and what came.
type result struct {
	probe
	decision policy.Decision
	want     error
	got      error
}

// timeout is how long to wait for what is to come. A raw SCTP socket does not wake up for an
// ICMP error: its probe finds the error only when the time is over.
func (r result) timeout() time.Duration {
	switch {
	case errors.Is(r.want, testnet.ErrTimeout):
		return silence
	case r.want != nil && r.Protocol == policy.ProtocolSCTP:
		return 2 * silence
	}
	return patience
}

func (r result) ok() bool { return errors.Is(r.got, r.want) || r.got == nil && r.want == nil }

// probeAll runs the probes, many at once: the ones that wait for nothing wait together.
func (n *node) probeAll(law func(policy.Flow) policy.Decision, probes []probe) []result {
	const atOnce = 24
	results := make([]result, len(probes))
	places := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i, p := range probes {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			d := law(p.Flow)
			r := result{probe: p, decision: d, want: expected(p, d)}
			r.got = n.run(p, r.timeout())
			results[i] = r
		})
	}
	all.Wait()
	return results
}

// accepts is the law of a host without rules.
func accepts(policy.Flow) policy.Decision { return policy.Decision{Action: policy.Accept} }

// here is what the law asks of this node: of a flow from or to another node's endpoint, the
// side that is attached here.
func (n *node) here(law *policy.Set) func(policy.Flow) policy.Decision {
	return func(f policy.Flow) policy.Decision {
		switch {
		case f.From.Endpoint != nil && n.at[f.From.Endpoint.ID] == nil:
			return law.EvaluateDirection(policy.Ingress, f)
		case f.To.Endpoint != nil && n.at[f.To.Endpoint.ID] == nil:
			if d := law.Evaluate(f); d.Reason == policy.ReasonEncapsulation {
				return d // what no policy can change is dropped where it begins
			}
			return law.EvaluateDirection(policy.Egress, f)
		}
		return law.Evaluate(f)
	}
}

func word(err error) string {
	switch {
	case err == nil:
		return "accept"
	case errors.Is(err, testnet.ErrTimeout):
		return "deny"
	case errors.Is(err, testnet.ErrRefused), errors.Is(err, testnet.ErrProhibited):
		return "reject"
	}
	return fmt.Sprint(err)
}
