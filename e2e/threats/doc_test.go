// SPDX-License-Identifier: Apache-2.0

// Package threats attacks a node: each test is one row of docs/threats.md. The tests see what an
// attacker and a victim see, frames and answers; the node under attack is made by internal/node,
// as the plugin does it.
//
// Nothing is proved by silence. Every test shows its attack to succeed while the node is
// unprotected, then to come to nothing once the containers are attached, that the kernel counted
// the refusal, and that honest traffic still passes.
package threats
