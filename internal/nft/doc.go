// SPDX-License-Identifier: Apache-2.0

// Package nft brings values of internal/ruleset into the kernel and reads them back. It owns
// nothing but the three tables named ruleset.TableName, and it knows nothing of policies.
//
// Expressions are marshalled by github.com/google/nftables/expr; everything around them is
// our own, because that library (v0.3.0) truncates element lists beyond 64 KiB without a
// word, requests an acknowledgement for every message (so that its socket overflows after a
// few hundred although the kernel committed), does not say which operation failed, and
// cannot encode the direction of ct keys.
//
// To see what goes over the socket, compare with nft's own view of it:
//
//	nft --debug=netlink list ruleset
//	nft monitor
package nft
