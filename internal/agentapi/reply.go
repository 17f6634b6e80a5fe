// SPDX-License-Identifier: Apache-2.0

package agentapi

import (
	"encoding/json"
	"fmt"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
)

// Reply is the answer to a request: a result, which is missing where a verb has none, or an error.
// Unlike a request it is read leniently: an agent that is newer may tell more.
type Reply struct {
	Version int             `json:"version"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *Error          `json:"error,omitempty"`
}

// Decode reads the result.
func (r Reply) Decode(v any) error {
	if err := json.Unmarshal(r.Result, v); err != nil {
		return fmt.Errorf("agent: result: %w", err)
	}
	return nil
}

// Attached is the result of attach.
type Attached struct {
	// Notes are what else is wrong on the node.
	Notes []string `json:"notes,omitempty"`
}

// Checked is the result of check.
type Checked struct {
	// Attachment is what was attached.
	Attachment endpoint.Attachment `json:"attachment"`
	// Differences are those between the kernel and the endpoint's rules.
	Differences []string `json:"differences,omitempty"`
}

// Ready is the result of ready.
type Ready struct {
	// Missing is what attach would need; none means that the agent is ready.
	Missing []string `json:"missing,omitempty"`
	// Closed says that endpoints of the node are closed by what is missing.
	Closed bool `json:"closed,omitempty"`
}

func encodeReply(result any, failure error) ([]byte, error) {
	reply := Reply{Version: Version}
	if failure != nil {
		reply.Error = asError(failure)
		return json.Marshal(reply)
	}
	if result != nil {
		text, err := json.Marshal(result)
		if err != nil {
			return nil, err
		}
		reply.Result = text
	}
	return json.Marshal(reply)
}

func decodeReply(text []byte) (Reply, error) {
	var r Reply
	if err := json.Unmarshal(text, &r); err != nil {
		return Reply{}, fmt.Errorf("agent: reply: %w", err)
	}
	if r.Error != nil {
		return r, r.Error
	}
	if r.Version != Version {
		return Reply{}, fmt.Errorf("agent: reply: version: found %d, accepted %d", r.Version, Version)
	}
	return r, nil
}
