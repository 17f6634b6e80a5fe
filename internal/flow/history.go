// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"slices"
	"time"
)

// History is the last generations, as long as packets that they judged can still arrive. Its
// memory is that of Most snapshots. It is not safe for concurrent use.
type History struct {
	// Age is how long after its end a generation is kept, Most how many there are at the most.
	Age  time.Duration
	Most int
	eras []*Snapshot // oldest first; there is no gap between them
}

// NewHistory keeps generations for 30 seconds after their end, and 64 of them. The kernel's log
// hands packets over after 100 ms, or when its buffer is read.
func NewHistory() *History { return &History{Age: 30 * time.Second, Most: 64} }

// Add makes s the present generation.
func (h *History) Add(s *Snapshot) {
	h.eras = append(h.eras, s)
	h.Forget(s.Since)
}

// Forget drops what is too old at that time. The present generation always stays.
func (h *History) Forget(now time.Time) {
	first := max(0, len(h.eras)-max(1, h.Most))
	for first < len(h.eras)-1 && now.Sub(h.eras[first+1].Since) > h.Age {
		first++
	}
	h.eras = slices.Delete(h.eras, 0, first)
}

// Len is how many generations are kept.
func (h *History) Len() int { return len(h.eras) }

// Now is the present generation, or nil before the first.
func (h *History) Now() *Snapshot {
	if len(h.eras) == 0 {
		return nil
	}
	return h.eras[len(h.eras)-1]
}

// At is the newest generation that was in force at the time; the oldest one for earlier times,
// and nil if there is none.
func (h *History) At(t time.Time) *Snapshot {
	i := h.at(t)
	if i < 0 {
		return nil
	}
	return h.eras[i]
}

func (h *History) at(t time.Time) int {
	for i := len(h.eras) - 1; i > 0; i-- {
		if !h.eras[i].Since.After(t) {
			return i
		}
	}
	return min(0, len(h.eras)-1)
}

// Candidates yields the generations that can have judged a packet that was received at the time,
// the likeliest first: the one in force then, the one whose transaction was under way, and the
// earlier ones, because a packet is received after it was judged.
func (h *History) Candidates(t time.Time) func(func(*Snapshot) bool) {
	return func(yield func(*Snapshot) bool) {
		i := h.at(t)
		if i < 0 || !yield(h.eras[i]) {
			return
		}
		for next := i + 1; next < len(h.eras) && !h.eras[next].Before.After(t); next++ {
			if !yield(h.eras[next]) {
				return
			}
		}
		for i--; i >= 0; i-- {
			if !yield(h.eras[i]) {
				return
			}
		}
	}
}
