// SPDX-License-Identifier: Apache-2.0

// Package kernel is the third judge: it compiles policies, loads them into the kernel of a host
// made of network namespaces, sends real packets, and compares what arrives with what
// policy.Evaluate decides. What is told of refused packets is compared with policy.Explain, from
// the kernel's log up to the record. It knows no plugin and no daemon.
package kernel
