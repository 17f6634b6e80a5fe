// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"log/slog"
	"sync"
)

// part is one thing that can fail by itself. The first failure and the recovery are logged.
type part struct {
	name string
	log  *slog.Logger

	mu    sync.Mutex
	begun bool
	err   error
}

// set notes how the last attempt ended.
func (p *part) set(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err != nil && p.err == nil:
		p.log.Error("denials: failed, will try again", "part", p.name, "error", err)
	case err == nil && p.err != nil:
		p.log.Info("denials: works again", "part", p.name)
	}
	p.begun, p.err = true, err
}

// PartStatus says whether a part works.
type PartStatus struct {
	Ready bool `json:"ready"`
	// Reason says why it does not.
	Reason string `json:"reason,omitempty"`
}

func (p *part) status() PartStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.err != nil:
		return PartStatus{Reason: p.err.Error()}
	case !p.begun:
		return PartStatus{Reason: "not done yet"}
	}
	return PartStatus{Ready: true}
}
