// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/bulkhead-net/bulkhead/policy"
)

// conf is a network configuration as the runtime hands it to the plugin.
type conf struct {
	version string
	// name is the network's; attachments are collected by it. network is what policies know
	// the network by.
	name, network string

	settings      Settings
	labels        map[string]string
	argsLabels    map[string]string
	ports         []policy.NamedPort
	allow         bool // onUnenforceable
	portIsolation bool
	dryRun        bool
	// onAgentDown is what ADD does while the agent is down; empty means fail.
	onAgentDown string

	prevResult json.RawMessage
	// valid is the attachments that GC must keep; nil when the conf does not say.
	valid map[attachmentID]bool
}

type attachmentID struct{ containerID, ifname string }

// standard are the keys that the specification, its conventions and libcni define for every
// plugin. They are tolerated where they mean nothing to this one.
var standard = []string{
	"cniVersion", "name", "type", "args", "capabilities", "runtimeConfig", "prevResult",
	"dns", "ipam", "ipMasq",
}

// standardPrefix begins the keys that the specification reserves for itself.
const standardPrefix = "cni.dev/"

// validAttachments is the key that only GC has.
const validAttachments = standardPrefix + "valid-attachments"

// readConf decodes a conf strictly: a key that nobody reads is a protection that nobody has.
func readConf(text []byte) (*conf, error) {
	if len(strings.TrimSpace(string(text))) == 0 {
		return nil, fail(InputOutput, "stdin: empty, accepted a network configuration")
	}
	members, err := parseObject(text)
	if err != nil {
		return nil, fail(Undecodable, "network configuration: %w", err)
	}
	c := &conf{}
	values := make(map[string]json.RawMessage, len(members))
	for _, m := range members {
		switch {
		case !isNull(m.value):
			values[m.key] = m.value
		case m.key == validAttachments:
			values[m.key] = json.RawMessage("[]") // how Go runtimes write "none is valid"
		}
	}
	if err := c.readVersion(values["cniVersion"]); err != nil {
		return nil, err
	}
	var found faults
	for _, key := range slices.Sorted(maps.Keys(values)) {
		c.readField(&found, key, values[key])
	}
	if values["name"] == nil {
		found.add(InvalidConf, "name: missing")
	}
	if c.onAgentDown != "" && values["agentSocket"] == nil {
		found.add(InvalidConf, "onAgentDown: found %q without agentSocket", c.onAgentDown)
	}
	if c.network == "" {
		c.network = c.name
	}
	return c, found.err()
}

// readVersion comes first: what the other keys mean depends on it.
func (c *conf) readVersion(v json.RawMessage) error {
	if v != nil {
		if err := json.Unmarshal(v, &c.version); err != nil {
			return fail(Undecodable, "cniVersion: found %s, accepted a string", show(v))
		}
	}
	if !slices.Contains(Versions, c.version) {
		return fail(IncompatibleVersion, "cniVersion: found %q, accepted %s",
			c.version, strings.Join(Versions, ", "))
	}
	return nil
}

// readField reads one key. The fields table names all that are ours.
func (c *conf) readField(found *faults, key string, v json.RawMessage) {
	if read, ours := fields[key]; ours {
		read(c, &field{found: found, key: key, value: v})
		return
	}
	if !slices.Contains(standard, key) && !strings.HasPrefix(key, standardPrefix) {
		found.unsupported(key, v, "accepted "+strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
	}
}
