// SPDX-License-Identifier: Apache-2.0

package node

import (
	"time"

	"github.com/bulkhead-net/bulkhead/policy"
)

// The places of a node that states none.
const (
	DefaultStateDir    = "/run/bulkhead"
	DefaultPolicyDir   = "/etc/bulkhead/policies"
	DefaultLockTimeout = 20 * time.Second
)

// Options say where a node keeps its state.
type Options struct {
	// StateDir holds the registry, the installed model and the lock. Root only; it must not
	// outlive a reboot, since the kernel state does not.
	StateDir string
	// PolicyDir holds the policies: *.yaml, *.yml and *.json, read in the order of their names.
	PolicyDir string
	// ReadPolicies reads the policy files in place of PolicyDir, for a process that watches the
	// directory; nil reads them as they are.
	ReadPolicies func() ([]policy.File, error)
	// NetNS is a file descriptor of the network namespace that holds the rules; 0 for the
	// caller's own.
	NetNS int
	// LockTimeout bounds the wait for other processes.
	LockTimeout time.Duration
	// Agent says that the process is the node's agent, or acts in its place: then it reads no
	// policies, unless by ReadPolicies, and the last accepted ones stay in force. Everybody else is
	// kept from changing a node that an agent owns.
	Agent bool
	// RetainCounters says that somebody reads the counters: those of groups that go stay in the
	// kernel until Forget is told that they were read. Without it they go with their groups.
	RetainCounters bool
}

func (o Options) withDefaults() Options {
	if o.StateDir == "" {
		o.StateDir = DefaultStateDir
	}
	if o.PolicyDir == "" {
		o.PolicyDir = DefaultPolicyDir
	}
	if o.LockTimeout == 0 {
		o.LockTimeout = DefaultLockTimeout
	}
	return o
}
