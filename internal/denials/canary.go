// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/compile"
)

// canaryWord is the word of the log's prefix, and of the counter, of packets that the agent sends
// to itself.
const canaryWord = compile.CanaryReason

const (
	// canaryRest is the time between two packets, canaryFirst that before the first. One that was not
	// seen is followed by another after lastRetry.
	canaryRest  = time.Minute
	canaryFirst = 2 * time.Second
	// canaryPatience is how long one may take through the kernel's log.
	canaryPatience = 5 * time.Second
)

// canary proves that what is refused is seen: now and then the agent sends itself a packet that a
// rule of ours refuses, and waits for it in the log.
type canary struct {
	part

	flight sync.Mutex
	to     netip.AddrPort // invalid while there is nothing to prove
	token  []byte
	back   chan struct{} // closed when the token was heard
	sent   time.Time
	seen   time.Time
}

// Canary is what came of it.
type Canary struct {
	PartStatus
	// Sent and Seen are when a packet was sent and seen last; zero if none was.
	Sent time.Time `json:"sent,omitzero"`
	Seen time.Time `json:"seen,omitzero"`
}

// aim says where packets are refused now, an invalid address if nowhere.
func (c *canary) aim(to netip.AddrPort) {
	c.flight.Lock()
	defer c.flight.Unlock()
	c.to = to
}

// run sends until ctx ends.
func (c *canary) run(ctx context.Context) {
	for rest := canaryFirst; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(rest):
		}
		flown, err := c.fly(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case !flown:
			rest = canaryFirst
			continue
		case err != nil:
			rest = lastRetry
		default:
			rest = canaryRest
		}
		c.set(err)
	}
}

var errCanary = errors.New("a packet that was sent to be refused was not seen in the kernel's log")

// fly sends one packet and waits for it. It reports false when there is nothing to prove.
func (c *canary) fly(ctx context.Context) (flown bool, err error) {
	c.flight.Lock()
	to := c.to
	token := make([]byte, 16)
	rand.Read(token) // never fails
	back := make(chan struct{})
	c.token, c.back = token, back
	if to.IsValid() {
		c.sent = time.Now().UTC()
	}
	c.flight.Unlock()
	if !to.IsValid() {
		return false, nil
	}
	if err := send(ctx, to, token); err != nil {
		return true, fmt.Errorf("%s: %w", to, err)
	}
	select {
	case <-back:
		return true, nil
	case <-ctx.Done():
		return true, ctx.Err()
	case <-time.After(canaryPatience):
		return true, errCanary
	}
}

func send(ctx context.Context, to netip.AddrPort, token []byte) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "udp4", to.String())
	if err != nil {
		return err
	}
	_, err = conn.Write(token)
	return errors.Join(err, conn.Close())
}

// heard takes a packet that the log handed over.
func (c *canary) heard(payload []byte) {
	c.flight.Lock()
	defer c.flight.Unlock()
	if c.back == nil || !bytes.HasSuffix(payload, c.token) {
		return
	}
	c.seen = time.Now().UTC()
	close(c.back)
	c.back = nil
}

func (c *canary) status() Canary {
	out := Canary{PartStatus: c.part.status()}
	c.flight.Lock()
	defer c.flight.Unlock()
	if out.Sent, out.Seen = c.sent, c.seen; c.sent.IsZero() {
		out.PartStatus = PartStatus{Ready: true} // there was nothing to prove
	}
	return out
}
