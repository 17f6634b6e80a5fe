// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// outcome is what became of a probe.
type outcome string

// The outcomes; anything else is an error's text.
const (
	passed   outcome = "pass"
	dropped  outcome = "drop"
	rejected outcome = "reject"
)

// patience is how long a probe waits: long enough for the kernel to send a SYN again, so that
// one lost to a neighbour lookup is no denial.
const patience = 1500 * time.Millisecond

// probe is one try to reach a service.
type probe struct {
	Service service    `json:"service"`
	Addr    netip.Addr `json:"addr"`
}

func (p probe) try() outcome {
	var err error
	switch p.Service.Protocol {
	case ping:
		err = sendPing(p.Addr)
	case udp:
		err = p.exchange(2)
	default:
		err = p.exchange(1)
	}
	return outcomeOf(err)
}

// exchange sends a word and waits until it comes back, as often as tries says.
func (p probe) exchange(tries int) error {
	address := netip.AddrPortFrom(p.Addr, p.Service.Port).String()
	end := time.Now().Add(patience)
	c, err := net.DialTimeout(p.Service.Protocol, address, patience)
	if err != nil {
		return err
	}
	defer c.Close()
	word := []byte("echo")
	for i := range tries {
		if _, err = c.Write(word); err != nil {
			return err
		}
		left := time.Until(end) / time.Duration(tries-i)
		if err = c.SetReadDeadline(time.Now().Add(left)); err != nil {
			return err
		}
		if _, err = io.ReadFull(c, make([]byte, len(word))); err == nil {
			return nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
	}
	return err
}

// outcomeOf understands how the kernel reports each answer: a reset, and "administratively
// prohibited", which IPv4 shows as an unreachable host and IPv6 as a lack of permission.
func outcomeOf(err error) outcome {
	var timeout net.Error
	switch {
	case err == nil:
		return passed
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.EACCES),
		errors.Is(err, errProhibited):
		return rejected
	case errors.As(err, &timeout) && timeout.Timeout():
		return dropped
	}
	return outcome(err.Error())
}
