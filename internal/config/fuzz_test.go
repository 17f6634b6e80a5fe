// SPDX-License-Identifier: Apache-2.0

package config

import "testing"

// FuzzParse looks for text that breaks the parser, or that it lets through half understood.
func FuzzParse(f *testing.F) {
	f.Add([]byte("base: {kinds: [veth], epochMask: 0xff0000}\nagent: {resync: 5s}\n"))
	f.Add([]byte("a: &a [*a]\n---\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("f", data)
		if err != nil {
			return
		}
		if err := c.Base.Validate(); err != nil {
			t.Errorf("accepted: %+v: %v", c.Base, err)
		}
		if a := c.Agent; Absolute(a.PolicyDir) != nil || Absolute(a.StateDir) != nil ||
			MetricsPlace(a.Metrics) != nil || a.Resync < minResync || a.Resync > maxResync {
			t.Errorf("accepted: %+v", a)
		}
	})
}
