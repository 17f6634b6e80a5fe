// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/source/files"
	"github.com/bulkhead-net/bulkhead/policy"
)

// checkResult is the form of check's JSON.
type checkResult struct {
	Documents int              `json:"documents"`
	Errors    int              `json:"errors"`
	Warnings  int              `json:"warnings"`
	Problems  []policy.Problem `json:"problems"`
	// Endpoints is how many endpoints selectors were tried on; 0 when none are known.
	Endpoints int `json:"endpoints"`
}

func (e Environment) check(f *cli.Flags) cli.Action {
	output := f.Output()
	strict := f.Bool("strict", false, "warnings are findings too")
	stateDir := f.String("state-dir", node.DefaultStateDir,
		"state `directory` whose endpoints selectors are tried on, if it exists")
	return func(_ context.Context, paths []string, s cli.Streams) error {
		files, err := readFiles(paths, s.In)
		if err != nil {
			return err
		}
		endpoints, err := knownEndpoints(*stateDir)
		if err != nil { // of no consequence for what the files say
			fmt.Fprintf(s.Err, "endpoints are not known: %s\n", cli.Printable(err.Error()))
		}
		result := checkFiles(files, endpoints)
		if err := result.write(s.Out, output); err != nil {
			return err
		}
		if result.Errors > 0 || *strict && result.Warnings > 0 {
			return cli.ErrFindings
		}
		return nil
	}
}

// readFiles reads what the command line names: files, directories, and "-".
func readFiles(paths []string, in io.Reader) ([]policy.File, error) {
	if len(paths) == 0 {
		return nil, cli.Usagef("no file")
	}
	var files []policy.File
	var errs []error
	for _, path := range paths {
		more, err := readPath(path, in)
		files, errs = append(files, more...), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, errors.New("no policy files (*.yaml, *.yml, *.json) there")
	}
	return files, nil
}

func readPath(path string, in io.Reader) ([]policy.File, error) {
	if path == "-" {
		data, err := io.ReadAll(in)
		return []policy.File{{Name: "standard input", Data: data}}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return files.Read(path)
	}
	data, err := os.ReadFile(path)
	return []policy.File{{Name: path, Data: data}}, err
}

// knownEndpoints returns the endpoints that are registered below a state directory, none where
// nothing ever ran. The kernel is not asked, so that files can be checked on any machine.
func knownEndpoints(stateDir string) ([]*policy.Endpoint, error) {
	if _, err := os.Stat(filepath.Join(stateDir, "endpoints")); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	registry, err := endpoint.Open(stateDir)
	if err != nil {
		return nil, err
	}
	attachments, _, err := registry.All()
	var endpoints []*policy.Endpoint
	for i := range attachments {
		endpoints = append(endpoints, &attachments[i].Endpoint)
	}
	return endpoints, err
}

func checkFiles(files []policy.File, endpoints []*policy.Endpoint) checkResult {
	set := policy.Load(files, nil)
	r := checkResult{Documents: len(set.Documents), Endpoints: len(endpoints)}
	r.Problems = append(append([]policy.Problem{}, set.Problems...),
		policy.Lint(set, endpoints)...)
	policy.SortProblems(r.Problems)
	for _, p := range r.Problems {
		if p.Severity == policy.SeverityError {
			r.Errors++
		} else {
			r.Warnings++
		}
	}
	return r
}

func (r checkResult) write(w io.Writer, o *cli.Output) error {
	if o.JSON() {
		return cli.WriteJSON(w, r)
	}
	for _, p := range r.Problems {
		fmt.Fprintln(w, p) // problems escape what they quote
	}
	_, err := fmt.Fprintf(w, "%s accepted, %s, %s\n", count(r.Documents, "document"),
		count(r.Errors, "error"), count(r.Warnings, "warning"))
	return err
}

// count is "1 error", "2 errors".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
