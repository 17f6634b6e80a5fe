// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"net/netip"
	"sync"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/policyversions"
)

// Change is a transaction that has succeeded.
type Change struct {
	Generation uint32
	// Before is a moment before the transaction, Since one after it.
	Before, Since time.Time
	InForce       *node.InForce
}

// news are what the agent's loop has said and nobody has taken in yet: the loop never waits.
type news struct {
	mu        sync.Mutex
	changes   []Change
	forgotten []nft.CounterKey

	// The rest is of whoever takes changes in, under Pipeline.mu.
	last      *node.InForce
	documents string
	index     *flow.Index
}

// maxChanges bounds the changes that wait; those before could explain nothing any more.
const maxChanges = 64

// Applied says by what packets are judged from now on. It does not wait.
func (p *Pipeline) Applied(c Change) {
	p.news.mu.Lock()
	p.news.changes = append(p.news.changes, c)
	if n := len(p.news.changes); n > maxChanges {
		p.news.changes = p.news.changes[n-maxChanges:]
	}
	p.news.mu.Unlock()
	p.setGroup(c.InForce.LogGroup)
	to := c.InForce.Canary
	if p.options.NetNS != 0 || len(c.InForce.Attachments) == 0 {
		// It would be sent in another namespace, or meet no rule.
		to = netip.AddrPort{}
	}
	p.canary.aim(to)
	p.once.Do(func() { close(p.begun) })
	// The sets do not tell by which group a packet was refused: what they hold until now is of the
	// groups before.
	select {
	case p.early <- struct{}{}:
	default:
	}
}

// Forgotten says that counters are no more. It does not wait.
func (p *Pipeline) Forgotten(keys []nft.CounterKey) {
	p.news.mu.Lock()
	defer p.news.mu.Unlock()
	p.news.forgotten = append(p.news.forgotten, keys...)
}

func (n *news) takeForgotten() []nft.CounterKey {
	n.mu.Lock()
	defer n.mu.Unlock()
	keys := n.forgotten
	n.forgotten = nil
	return keys
}

// takeIn makes generations of the changes that were told. The caller holds mu.
func (p *Pipeline) takeIn() {
	p.news.mu.Lock()
	changes := p.news.changes
	p.news.changes = nil
	p.news.mu.Unlock()
	for _, c := range changes {
		p.book.history.Add(p.snapshot(c))
	}
}

// snapshot is a generation as packets are explained by it.
func (p *Pipeline) snapshot(c Change) *flow.Snapshot {
	n := &p.news
	if n.last == nil || n.last.Policies != c.InForce.Policies {
		// A set that has no hash is in force all the same.
		n.documents, _ = policyversions.Hash(c.InForce.Policies)
		p.keeper.keep(c.InForce.Policies)
	}
	if n.last != c.InForce || n.index == nil {
		n.index = flow.NewIndex(endpointsOf(c.InForce.Attachments))
	}
	n.last = c.InForce
	groups := make(map[string]flow.Groups, len(c.InForce.Groups))
	for id, g := range c.InForce.Groups {
		groups[id] = flow.Groups(g)
	}
	// Without the node's addresses the flows that are known by the sets alone are explained less
	// well; packets are not concerned.
	host, _ := p.links.HostAddresses()
	return &flow.Snapshot{Generation: c.Generation, Before: c.Before, Since: c.Since,
		Policies: c.InForce.Policies, Documents: n.documents, Index: n.index, Host: host,
		Groups: groups}
}

func endpointsOf(attachments []endpoint.Attachment) []flow.Endpoint {
	out := make([]flow.Endpoint, 0, len(attachments))
	for i := range attachments {
		a := &attachments[i]
		out = append(out, flow.Endpoint{Endpoint: &a.Endpoint, Local: true, Port: a.HostInterface,
			Bridge: a.Bridge})
	}
	return out
}
