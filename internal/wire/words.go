// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"github.com/bulkhead-net/bulkhead/internal/flow"
	v1 "github.com/bulkhead-net/bulkhead/internal/wire/bulkhead/v1"
	"github.com/bulkhead-net/bulkhead/policy"
)

// The words whose meaning a reader must know. Neither Kind nor Direction may be missing.
var (
	kinds = map[flow.Kind]v1.Kind{
		flow.Denied:     v1.Kind_KIND_DENY,
		flow.WouldDeny:  v1.Kind_KIND_WOULD_DENY,
		flow.Allowed:    v1.Kind_KIND_ALLOW,
		flow.LossReport: v1.Kind_KIND_LOSS,
	}
	actions = map[flow.Action]v1.Action{
		"":          v1.Action_ACTION_UNSPECIFIED,
		flow.Drop:   v1.Action_ACTION_DROP,
		flow.Reject: v1.Action_ACTION_REJECT,
		flow.Pass:   v1.Action_ACTION_PASS,
	}
	sources = map[flow.Source]v1.Source{
		"":               v1.Source_SOURCE_UNSPECIFIED,
		flow.FromKernel:  v1.Source_SOURCE_KERNEL,
		flow.FromSamples: v1.Source_SOURCE_SAMPLES,
	}
	directions = map[policy.Direction]v1.Direction{
		policy.Egress:  v1.Direction_DIRECTION_EGRESS,
		policy.Ingress: v1.Direction_DIRECTION_INGRESS,
	}
)

func encodeWord[W, N comparable](e *encoder, field string, words map[W]N, w W) N {
	n, ok := words[w]
	if !ok {
		e.fail(field, "%v is none that travels", w)
	}
	return n
}

func decodeWord[W, N comparable](d *decoder, field string, words map[W]N, n N) W {
	for w, number := range words {
		if number == n {
			return w
		}
	}
	d.fail(field, "%v is none that is known here", n)
	var none W
	return none
}
