// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// request is what the stage asks of a workload: to probe, or to open a connection that keeps
// echoing, or how those connections are.
type request struct {
	Probes []probe `json:"probes,omitempty"`
	Open   string  `json:"open,omitempty"`
}

// response answers one request.
type response struct {
	Outcomes []outcome `json:"outcomes,omitempty"`
	Echo     *echoes   `json:"echo,omitempty"`
	Error    string    `json:"error,omitempty"`
}

// runWorkload is what runs in a container: the services of its role, and a client that does as
// it is told until the stage hangs up.
func runWorkload(name string) error {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM) // the stage decides when it is over
	r, err := member(name)
	if err != nil {
		return err
	}
	for _, s := range r.services {
		if err := serve(s); err != nil {
			return err
		}
	}
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	if err := out.Encode(response{}); err != nil { // ready
		return err
	}
	var open *stream
	for {
		var q request
		if err := in.Decode(&q); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var a response
		switch {
		case len(q.Probes) > 0:
			a.Outcomes = probeAll(q.Probes)
		case q.Open != "":
			if open, err = openStream(q.Open); err != nil {
				a.Error = err.Error()
			}
		case open != nil:
			a.Echo = open.state()
		}
		if err := out.Encode(a); err != nil {
			return err
		}
	}
}

// probeAll probes at once: what is dropped takes a timeout each.
func probeAll(probes []probe) []outcome {
	outcomes := make([]outcome, len(probes))
	var wait sync.WaitGroup
	for i, p := range probes {
		wait.Go(func() { outcomes[i] = p.try() })
	}
	wait.Wait()
	return outcomes
}
