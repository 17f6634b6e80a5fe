// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
	"github.com/bulkhead-net/bulkhead/policy"
)

// oneRejected is a document that is in force, and one that is rejected and closes b.
var oneRejected = strings.ReplaceAll(onlyAReachesB, "app: b", "app: z") + "---" +
	strings.NewReplacer("ingress:", "ingres:", "name: b", "name: bad").Replace(onlyAReachesB)

// TestWhatIsClosedForARejectedDocumentStaysClosed while the policies are not read: by whoever acts
// in an agent's place, and when the directory is gone.
func TestWhatIsClosedForARejectedDocumentStaysClosed(t *testing.T) {
	for _, tc := range []struct {
		name string
		act  func(*testing.T, *site)
	}{
		{"in the agent's place", func(t *testing.T, s *site) {
			n := s.openAs(t, true)
			defer n.Close()
			if _, err := n.Detach(t.Context(), func(a endpoint.Attachment) bool {
				return a.Endpoint.Name == "a"
			}); err != nil {
				t.Fatal(err)
			}
		}},
		{"the directory is gone", func(t *testing.T, s *site) {
			if err := os.RemoveAll(s.options.PolicyDir); err != nil {
				t.Fatal(err)
			}
			s.detach(t, "a")
		}},
		{"an agent that cannot read", func(t *testing.T, s *site) {
			s.options.Agent = true
			s.options.ReadPolicies = func() ([]policy.File, error) { return nil, os.ErrPermission }
			s.do(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
				return n.Detach(ctx, func(a endpoint.Attachment) bool { return a.Endpoint.Name == "a" })
			})
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t)
			s.boxes["b"].Serve(t, "tcp", 80)
			for _, name := range []string{"a", "b", "c"} {
				s.attach(t, name)
			}
			s.reach(t, "c", "10.1.0.3:80", nil)
			s.policies(t, oneRejected)
			s.do(t, apply)
			s.reach(t, "c", "10.1.0.3:80", testnet.ErrTimeout)
			tc.act(t, s)
			s.reach(t, "c", "10.1.0.3:80", testnet.ErrTimeout)
		})
	}
}
