// SPDX-License-Identifier: Apache-2.0

package soak

import "sync"

// limited runs functions, sixteen at a time.
type limited struct {
	group sync.WaitGroup
	once  sync.Once
	slots chan struct{}
}

func (l *limited) run(f func()) {
	l.once.Do(func() { l.slots = make(chan struct{}, 16) })
	l.slots <- struct{}{}
	l.group.Go(func() {
		defer func() { <-l.slots }()
		f()
	})
}

func (l *limited) wait() { l.group.Wait() }
