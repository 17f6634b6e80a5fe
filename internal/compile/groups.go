// SPDX-License-Identifier: Apache-2.0

package compile

// Groups are the hashes of the groups that judge an endpoint, one for each kind of question. An
// empty one is no group: nothing concerns the endpoint there.
type Groups struct{ Egress, Ingress, ToHost, FromHost string }

// groupsByID tells which groups judge the endpoints of this node, by their IDs.
func (c *compiler) groupsByID() map[string]Groups {
	out := map[string]Groups{}
	for i, e := range c.endpoints {
		if e.Local == nil {
			continue
		}
		var g Groups
		for k, hash := range map[kind]*string{egress: &g.Egress, ingress: &g.Ingress,
			toHost: &g.ToHost, fromHost: &g.FromHost} {
			if judge := c.judged[i][k]; judge != nil {
				*hash = judge.hash()
			}
		}
		out[e.ID] = g
	}
	return out
}
