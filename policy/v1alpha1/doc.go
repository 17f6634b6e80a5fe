// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 holds the API types of Bulkhead's own kinds, Segment and
// SegmentationPolicy, as Go programs and the CustomResourceDefinitions see them. The policy
// loader does not decode into them: it reads documents strictly, field by field, and a test
// keeps both in step.
package v1alpha1

//go:generate go run ./crdgen -types types.go,rules.go -out ../../deploy/crds

// Group and Version name the API.
const (
	Group   = "bulkhead.dev"
	Version = "v1alpha1"
)
