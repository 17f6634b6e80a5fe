// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"go/ast"
	"strconv"
	"strings"
)

// comment is a doc comment, taken apart into prose and markers.
type comment struct {
	prose   string
	markers [][2]string
}

func readComment(group *ast.CommentGroup) comment {
	var c comment
	var prose []string
	for _, line := range strings.Split(group.Text(), "\n") {
		marker, ok := strings.CutPrefix(line, "+")
		if !ok {
			prose = append(prose, line)
			continue
		}
		name, argument, _ := strings.Cut(marker, "=")
		c.markers = append(c.markers, [2]string{name, argument})
	}
	c.prose = strings.Join(strings.Fields(strings.Join(prose, " ")), " ")
	return c
}

func (c comment) marker(name string) string {
	for _, m := range c.markers {
		if m[0] == name {
			return m[1]
		}
	}
	return ""
}

func (c comment) has(name string) bool {
	for _, m := range c.markers {
		if m[0] == name {
			return true
		}
	}
	return false
}

// apply puts prose and markers into a schema; the comment of a field wins over that of its
// type.
func (c comment) apply(s *schema) error {
	if c.prose != "" {
		s.Description = c.prose
	}
	for _, m := range c.markers {
		if err := s.mark(m[0], m[1]); err != nil {
			return fmt.Errorf("marker +%s: %w", m[0], err)
		}
	}
	return nil
}

func (s *schema) mark(name, argument string) error {
	numbers := map[string]**int64{
		"validation:Minimum": &s.Minimum, "validation:Maximum": &s.Maximum,
		"validation:MinLength": &s.MinLength, "validation:MaxLength": &s.MaxLength,
		"validation:MinItems": &s.MinItems, "validation:MaxItems": &s.MaxItems,
	}
	if field, ok := numbers[name]; ok {
		n, err := strconv.ParseInt(argument, 10, 64)
		*field = &n
		return err
	}
	switch name {
	case "optional", "crd:plural", "crd:shortName":
	case "default":
		text, err := strconv.Unquote(argument)
		s.Default = text
		return err
	case "listType":
		s.ListType = argument
	case "listMapKey":
		s.ListKeys = append(s.ListKeys, argument)
	case "validation:Enum":
		s.Enum = strings.Split(argument, ";")
	case "validation:OneOf":
		one, also := int64(1), int64(1)
		s.MinProps, s.MaxProps = &one, &also
	case "validation:XValidation:rule":
		rule, message, ok := strings.Cut(argument, ";message=")
		if !ok {
			return fmt.Errorf("no message in %q", argument)
		}
		s.Rules = append(s.Rules, celRule{Rule: rule, Message: message})
	default:
		return fmt.Errorf("unknown")
	}
	return nil
}
