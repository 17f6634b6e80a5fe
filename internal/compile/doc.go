// SPDX-License-Identifier: Apache-2.0

// Package compile turns a policy.Set and a node's endpoints into the Ruleset that enforces
// them: the kernel contract of docs/kernel-state.md. It is total and deterministic: every
// input gives a ruleset, equal inputs give equal rulesets, and what it cannot express stays
// closed and is reported. It performs no I/O and reads no clock.
//
// A packet's way through the rules:
//
//	prerouting  guard ── bound source? ── no ─► spoof | quarantine
//	                     │ yes
//	forward     ct mark live? ── yes ─► passed (accept)
//	                     │ no
//	            judge ─► egress map ─► egress-<group> ─┐ accept
//	                                                   ▼
//	                     ingress-stage ─► ingress map ─► ingress-<group> ─► done ─► passed
//	                                                   │ deny
//	                                                   ▼
//	                                 count, log, drop (or return: the base chain rejects)
//
// input and postrouting do the same for the own node, with the maps to-host and from-host.
package compile
