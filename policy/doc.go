// SPDX-License-Identifier: Apache-2.0

// Package policy turns policy documents into one validated Set and says what that Set
// decides about a flow. It is the law that the compiled rules and the kernel are tested
// against: Evaluate and Explain follow docs/policy.md word by word, the slow and obvious
// way. The package performs no I/O, reads no clock and knows nothing of nftables.
package policy
