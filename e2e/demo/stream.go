// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"net"
	"sync"
	"time"
)

// echoes says how a connection is: how many words came back, and when the last did.
type echoes struct {
	Count int       `json:"count"`
	Last  time.Time `json:"last"`
	Error string    `json:"error,omitempty"`
}

// stream is a connection that keeps echoing.
type stream struct {
	mu  sync.Mutex
	now echoes
}

const echoInterval = 2 * time.Millisecond

func openStream(address string) (*stream, error) {
	c, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return nil, err
	}
	s := &stream{}
	go s.run(c)
	return s, nil
}

func (s *stream) run(c net.Conn) {
	defer c.Close()
	word := make([]byte, 16)
	for {
		_, err := c.Write(word)
		if err == nil {
			_, err = io.ReadFull(c, word)
		}
		s.mu.Lock()
		if err != nil {
			s.now.Error = err.Error()
			s.mu.Unlock()
			return
		}
		s.now.Count++
		s.now.Last = time.Now()
		s.mu.Unlock()
		time.Sleep(echoInterval)
	}
}

func (s *stream) state() *echoes {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now
	return &now
}
