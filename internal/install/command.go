// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bulkhead-net/bulkhead/internal/cli"
)

// Plugin is the file name of the CNI plugin: the "type" in network configurations.
const Plugin = "bulkhead"

// Command is "bulkheadd install".
func Command() cli.Command {
	return cli.Command{
		Name:    "install",
		Summary: "put the CNI plugin into a directory of plugins",
		New: func(f *cli.Flags) cli.Action {
			dir := f.String("bin-dir", "/opt/cni/bin", "`directory` of CNI plugins")
			source := f.String("source", "", "plugin `file` (default the one beside bulkheadd)")
			return func(_ context.Context, arguments []string, s cli.Streams) error {
				if len(arguments) > 0 {
					return cli.Usagef("unexpected argument %q", arguments[0])
				}
				return install(*source, *dir, s)
			}
		},
	}
}

func install(source, dir string, s cli.Streams) error {
	if source == "" {
		own, err := os.Executable()
		if err != nil {
			return err
		}
		source = filepath.Join(filepath.Dir(own), Plugin)
	}
	target := filepath.Join(dir, Plugin)
	changed, err := File(source, target)
	if err != nil {
		return fmt.Errorf("plugin: %w", err)
	}
	state := "is up to date"
	if changed {
		state = "is installed"
	}
	_, err = fmt.Fprintln(s.Out, cli.Printable(target), state)
	return err
}
