// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
)

// pkg is one package of the module.
type pkg struct {
	ImportPath   string
	Name         string
	Dir          string
	TestGoFiles  []string
	XTestGoFiles []string
	TestImports  []string
	XTestImports []string
}

func (p pkg) short() string { return shortName(p.ImportPath) }

func (p pkg) hasTests() bool { return len(p.TestGoFiles)+len(p.XTestGoFiles) > 0 }

// module is every package below the working directory.
type module []pkg

func listModule() (module, error) {
	cmd := exec.Command("go", "list", "-e",
		"-json=ImportPath,Name,Dir,TestGoFiles,XTestGoFiles,TestImports,XTestImports", "./...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, stderr.String())
	}
	return readModule(bytes.NewReader(out))
}

func readModule(r io.Reader) (module, error) {
	var out module
	in := json.NewDecoder(r)
	for {
		var p pkg
		err := in.Decode(&p)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		out = append(out, p)
	}
}

func (m module) find(short string) (pkg, bool) {
	i := slices.IndexFunc(m, func(p pkg) bool { return p.short() == short })
	if i < 0 {
		return pkg{}, false
	}
	return m[i], true
}

// tested are the packages with tests, without those that are named.
func (m module) tested(without ...string) []string {
	var out []string
	for _, p := range m {
		if p.hasTests() && !slices.Contains(without, p.short()) {
			out = append(out, p.ImportPath)
		}
	}
	return out
}
