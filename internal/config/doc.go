// SPDX-License-Identifier: Apache-2.0

// Package config reads bulkheadd.yaml, the one configuration file of a node's daemon. Text goes in
// and a Config, or every fault with its place, comes out.
package config

// DefaultFile is read when no other is named; it need not exist.
const DefaultFile = "/etc/bulkhead/bulkheadd.yaml"
