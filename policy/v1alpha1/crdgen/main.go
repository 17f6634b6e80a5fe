// SPDX-License-Identifier: Apache-2.0

// Command crdgen writes the CustomResourceDefinitions of Bulkhead's own kinds from their Go
// types: fields and types from the structs, descriptions from the comments, and bounds from
// marker lines of the form "+validation:MaxItems=25". It knows the few constructs that these
// types use and refuses the rest.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

func run(args []string, stderr io.Writer) int {
	flags := flag.NewFlagSet("crdgen", flag.ContinueOnError)
	flags.SetOutput(stderr)
	sources := flags.String("types", "", "comma-separated Go `files` with the types")
	out := flags.String("out", "", "`directory` for the definitions")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	definitions, err := generate(strings.Split(*sources, ","))
	if err != nil {
		fmt.Fprintln(stderr, "crdgen:", err)
		return 1
	}
	for name, text := range definitions {
		if err := os.WriteFile(filepath.Join(*out, name), text, 0o644); err != nil {
			fmt.Fprintln(stderr, "crdgen:", err)
			return 1
		}
	}
	return 0
}
