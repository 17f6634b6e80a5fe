// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/containernetworking/cni/pkg/version"
)

// Streams are what a runtime gives to a plugin: variables, a conf on Stdin, a result or an
// error from Stdout. Stderr is for the log.
type Streams struct {
	Getenv         func(string) string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// call is one run of the plugin.
type call struct {
	*Plugin
	env  environment
	conf *conf
	log  *slog.Logger
	// stderr is for what is no line of a log.
	stderr io.Writer
	// cleanup bounds what undoes a verb; the verb itself ends earlier.
	cleanup context.Context
	// attached says that there is something to undo.
	attached bool
}

// Run answers one call and returns the exit code: 0, or 1 after an error on Stdout.
func (p Plugin) Run(s Streams) int {
	if p.Timeout == 0 {
		p.Timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.Timeout)
	defer cancel()
	c := &call{Plugin: &p, cleanup: ctx, stderr: s.Stderr,
		log: slog.New(slog.NewTextHandler(s.Stderr, nil))}
	type answer struct {
		output []byte
		err    error
	}
	done := make(chan answer, 1)
	go func() {
		output, err := c.serve(s)
		done <- answer{output, err}
	}()
	select {
	case a := <-done:
		return c.finish(s, a.output, a.err)
	case <-ctx.Done():
		// Something does not heed its context. The process ends and with it the lock; the
		// next call finds what it needs to undo in the registry.
		return writeError(s, version.Current(), fail(TryAgain, "no result within %s", p.Timeout))
	}
}

// serve reads what the runtime asks and does it.
func (c *call) serve(s Streams) ([]byte, error) {
	var err error
	if c.env, err = readEnvironment(s.Getenv); err != nil {
		return nil, err
	}
	if c.env.command == "VERSION" {
		return answerVersion(s.Stdin), nil
	}
	text, err := readInput(s.Stdin)
	if err != nil {
		return nil, err
	}
	if c.conf, err = readConf(text); err != nil {
		return nil, err
	}
	v := verbs[c.env.command]
	if ok, err := version.GreaterThanOrEqualTo(c.conf.version, v.since); err != nil || !ok {
		return nil, fail(IncompatibleVersion, "cniVersion: found %s, accepted %s and later for %s",
			c.conf.version, v.since, c.env.command)
	}
	ctx, cancel := context.WithTimeout(c.cleanup, c.Timeout-min(cleanupTime, c.Timeout/2))
	defer cancel()
	return v.run(c, ctx)
}

// verb is one value of CNI_COMMAND.
type verb struct {
	// since is the version of the specification that has the verb.
	since string
	run   func(*call, context.Context) ([]byte, error)
}

var verbs = map[string]verb{
	"ADD":    {"0.3.1", (*call).add},
	"CHECK":  {"0.4.0", (*call).check},
	"DEL":    {"0.3.1", (*call).del},
	"GC":     {"1.1.0", (*call).collect},
	"STATUS": {"1.1.0", (*call).status},
}

// finish writes the output. A runtime that did not get the result does not have the container.
func (c *call) finish(s Streams, output []byte, err error) int {
	if err == nil && len(output) > 0 {
		if _, werr := s.Stdout.Write(output); werr != nil {
			err = fail(InputOutput, "stdout: %w", werr)
			c.undo(err)
		}
	}
	if err == nil {
		return 0
	}
	spoken := version.Current()
	if c.conf != nil && c.conf.version != "" {
		spoken = c.conf.version
	}
	return writeError(s, spoken, asError(err, Internal))
}

// writeError writes an error as the specification has it, and for people.
func writeError(s Streams, spoken string, e *Error) int {
	if e.Code == InvalidEnvironment && s.Getenv("CNI_COMMAND") == "" {
		fmt.Fprintf(s.Stderr, "bulkhead is a CNI plugin, started by container runtimes; "+
			"it speaks CNI %v\n", Versions)
	}
	text, err := json.MarshalIndent(struct {
		CNIVersion string `json:"cniVersion"`
		Code       Code   `json:"code"`
		Msg        string `json:"msg"`
		Details    string `json:"details,omitempty"`
	}{spoken, e.Code, e.Msg, e.Details}, "", "    ")
	if err == nil {
		_, err = s.Stdout.Write(append(text, '\n'))
	}
	if err != nil {
		fmt.Fprintf(s.Stderr, "stdout: %v: %v\n", err, e)
	}
	return 1
}

// maxInput bounds a conf; the list of a GC over ten thousand containers has about 1 MiB.
const maxInput = 32 << 20

func readInput(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err != nil {
		return nil, fail(InputOutput, "stdin: %w", err)
	}
	if len(text) > maxInput {
		return nil, fail(InputOutput, "stdin: more than %d bytes", maxInput)
	}
	return text, nil
}

// versionWait is how long VERSION waits for input: old runtimes neither send nor close any.
const versionWait = time.Second

// answerVersion says which versions are supported, in the version of the asker.
func answerVersion(stdin io.Reader) []byte {
	asked := make(chan string, 1)
	go func() {
		var in struct {
			CNIVersion string `json:"cniVersion"`
		}
		text, err := readInput(stdin)
		if err != nil || json.Unmarshal(text, &in) != nil || in.CNIVersion == "" {
			in.CNIVersion = version.Current()
		}
		asked <- in.CNIVersion
	}()
	spoken := version.Current()
	select {
	case spoken = <-asked:
	case <-time.After(versionWait):
	}
	text, err := json.Marshal(struct {
		CNIVersion        string   `json:"cniVersion"`
		SupportedVersions []string `json:"supportedVersions"`
	}{spoken, Versions})
	if err != nil {
		panic(err) // strings always encode
	}
	return append(text, '\n')
}
