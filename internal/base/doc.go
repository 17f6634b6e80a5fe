// SPDX-License-Identifier: Apache-2.0

// Package base is bulkheadd base: it closes what will be containers' before any container
// exists, from /etc/bulkhead/bulkheadd.yaml or flags, and exits. Whoever attaches an endpoint
// later opens what policy allows; until then nothing passes from or to a managed interface.
package base
