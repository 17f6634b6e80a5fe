// SPDX-License-Identifier: Apache-2.0

// Package bulkheadv1 is the generated code of denials.proto; package wire converts to and from it.
package bulkheadv1

//go:generate go run -C ../../../../hack/protogen . -root ../../internal/wire -out ../../internal/wire bulkhead/v1/denials.proto
