// SPDX-License-Identifier: Apache-2.0

package threats

import "testing"

// TestSite holds the harness itself: everybody reaches everybody before and after attaching.
func TestSite(t *testing.T) {
	s := newSite(t)
	for _, name := range append([]string{"x"}, members...) {
		s.boxes[name].Serve(t, "tcp", 80)
	}
	all := func() {
		t.Helper()
		for _, from := range append([]string{"x"}, members...) {
			for _, to := range append([]string{"x"}, members...) {
				s.reach(t, from, places[to].v4+":80", nil)
				s.reach(t, from, "["+places[to].v6+"]:80", nil)
			}
		}
	}
	all()
	s.attach(t)
	all()
	s.uninstall(t)
	all()
}
