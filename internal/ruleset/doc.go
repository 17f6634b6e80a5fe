// SPDX-License-Identifier: Apache-2.0

// Package ruleset holds nftables tables, chains, rules, sets and maps as values. A Ruleset
// prints itself as nft(8) text, says what it does to a packet (Trace) and what separates it
// from another Ruleset (Diff). It performs no I/O and knows nothing of policies: what the
// rules mean is internal/compile's business, how they reach the kernel internal/nft's.
package ruleset
