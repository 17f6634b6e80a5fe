// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	// What the built binaries consist of, so that results are not taken from the test cache after
	// a change of it.
	_ "github.com/bulkhead-net/bulkhead/internal/agent"
	_ "github.com/bulkhead-net/bulkhead/internal/base"
	_ "github.com/bulkhead-net/bulkhead/internal/ctl"
	_ "github.com/bulkhead-net/bulkhead/plugin"
)

// visitor makes the test binary another program: it connects to the socket that the variable names,
// says what came of it and exits.
const visitor = "BULKHEAD_TEST_VISIT"

func TestMain(m *testing.M) {
	if socket := os.Getenv(visitor); socket != "" {
		os.Exit(visit(socket))
	}
	code := m.Run()
	if built.dir != "" {
		code |= removed(built.dir)
	}
	os.Exit(code)
}

func removed(dir string) int {
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// visit connects and waits for a word or the end of the connection.
func visit(socket string) int {
	c, err := net.Dial("unix", socket)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer c.Close()
	// Eight bytes are the length of a request and less than it: the agent waits for more, or has
	// hung up.
	if _, err = c.Write([]byte{0, 0, 0, 99, '{', '}', ' ', ' '}); err == nil {
		_, err = c.Read(make([]byte, 1))
	}
	fmt.Println("connected, then:", err)
	return 0
}

// built are the product's binaries. They are made for the first test that needs them.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// program is the path of a program of the product.
func program(t testing.TB, name string) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "bulkhead-threats-"); built.err != nil {
			return
		}
		build := exec.Command("go", "build", "-o", built.dir, "./cmd/bulkhead", "./cmd/bulkheadd",
			"./cmd/bulkheadctl")
		build.Dir = root
		if out, err := build.CombinedOutput(); err != nil {
			built.err = errors.Join(err, errors.New(string(out)))
		}
	})
	if built.err != nil {
		t.Fatalf("go build: %v", built.err)
	}
	return filepath.Join(built.dir, name)
}
