// SPDX-License-Identifier: Apache-2.0

// Package ruleset holds nftables tables, chains, rules, sets and maps as values. A Ruleset
// prints itself as nft(8) text, says what it does to a packet (Trace, Walk) and what separates
// it from another Ruleset (Diff). It performs no I/O and knows nothing of policies: what the
// rules mean is internal/compile's business, how they reach the kernel internal/nft's.
//
// Every function wants rulesets that Validate accepts; NewTracer and Decode check it. The
// interpreter follows the kernel where nft and intuition differ:
//
//   - a hook without a device reads an empty interface name, which != matches; its kind is
//     absent, and an absent field ends the rule, with != too;
//   - an accept ends its base chain only, a drop is final;
//   - a goto from a called chain returns to the caller of that chain;
//   - br_netfilter runs the IP hooks in the midst of the bridge's: behind bridge prerouting
//     and forward chains of a negative priority, and behind all postrouting chains.
//
// To see where a transaction fails, feed OpsText to "nft -c -f -".
package ruleset
