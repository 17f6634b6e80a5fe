// SPDX-License-Identifier: Apache-2.0

package main

// schema is the part of OpenAPI v3 that a structural schema may use and these types need.
type schema struct {
	Description string             `yaml:"description,omitempty"`
	Type        string             `yaml:"type,omitempty"`
	Format      string             `yaml:"format,omitempty"`
	Enum        []string           `yaml:"enum,omitempty"`
	Default     string             `yaml:"default,omitempty"`
	Pattern     string             `yaml:"pattern,omitempty"`
	Minimum     *int64             `yaml:"minimum,omitempty"`
	Maximum     *int64             `yaml:"maximum,omitempty"`
	MinLength   *int64             `yaml:"minLength,omitempty"`
	MaxLength   *int64             `yaml:"maxLength,omitempty"`
	MinItems    *int64             `yaml:"minItems,omitempty"`
	MaxItems    *int64             `yaml:"maxItems,omitempty"`
	MinProps    *int64             `yaml:"minProperties,omitempty"`
	MaxProps    *int64             `yaml:"maxProperties,omitempty"`
	Required    []string           `yaml:"required,omitempty"`
	Properties  map[string]*schema `yaml:"properties,omitempty"`
	Values      *schema            `yaml:"additionalProperties,omitempty"`
	Items       *schema            `yaml:"items,omitempty"`
	ListType    string             `yaml:"x-kubernetes-list-type,omitempty"`
	ListKeys    []string           `yaml:"x-kubernetes-list-map-keys,omitempty"`
	MapType     string             `yaml:"x-kubernetes-map-type,omitempty"`
	Rules       []celRule          `yaml:"x-kubernetes-validations,omitempty"`
}

type celRule struct {
	Rule    string `yaml:"rule"`
	Message string `yaml:"message"`
}

// The schemas of the types that come from elsewhere.

func labelSelector() *schema {
	text := func() *schema { return &schema{Type: "string"} }
	requirement := &schema{
		Type:     "object",
		Required: []string{"key", "operator"},
		Properties: map[string]*schema{
			"key":      text(),
			"operator": {Type: "string", Enum: []string{"In", "NotIn", "Exists", "DoesNotExist"}},
			"values":   {Type: "array", Items: text(), ListType: "atomic"},
		},
	}
	return &schema{
		Type:    "object",
		MapType: "atomic",
		Properties: map[string]*schema{
			"matchLabels":      {Type: "object", Values: text()},
			"matchExpressions": {Type: "array", Items: requirement, ListType: "atomic"},
		},
	}
}

func condition() *schema {
	bound := func(n int64) *schema { return &schema{Type: "string", MaxLength: &n} }
	reason := bound(1024)
	one := int64(1)
	reason.MinLength = &one
	zero := int64(0)
	return &schema{
		Type:     "object",
		Required: []string{"lastTransitionTime", "message", "reason", "status", "type"},
		Properties: map[string]*schema{
			"lastTransitionTime": {Type: "string", Format: "date-time"},
			"message":            bound(32768),
			"observedGeneration": {Type: "integer", Format: "int64", Minimum: &zero},
			"reason":             reason,
			"status":             {Type: "string", Enum: []string{"True", "False", "Unknown"}},
			"type":               bound(316),
		},
	}
}
