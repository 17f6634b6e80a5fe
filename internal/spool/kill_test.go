// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

const childDir = "BULKHEAD_SPOOL_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		writeUntilKilled(dir)
	}
	os.Exit(m.Run())
}

// writeUntilKilled appends, and says which number was the last after each Append that returned.
func writeUntilKilled(dir string) {
	s, err := Open(killOptions(dir))
	for err == nil {
		err = s.Append(batchFrom(s.Stats().Next, 20))
		fmt.Println(s.Stats().Next - 1)
	}
	fmt.Println(err)
	os.Exit(1)
}

func killOptions(dir string) Options {
	return Options{Dir: dir, MaxBytes: 64 << 20, SegmentBytes: 4000}
}

// TestKilled: every record whose Append returned is there, whenever the writer was killed.
func TestKilled(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(7, 8))
	dir := t.TempDir()
	next := uint64(1)
	for range 25 {
		child := exec.Command(exe)
		child.Env = append(os.Environ(), childDir+"="+dir)
		out, err := child.StdoutPipe()
		if err == nil {
			err = child.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		if !lines.Scan() {
			t.Fatal("the writer said nothing")
		}
		text := lines.Text()
		time.AfterFunc(time.Duration(r.IntN(int(30*time.Millisecond))), func() {
			child.Process.Kill()
		})
		for lines.Scan() {
			text = lines.Text()
		}
		_ = child.Wait() // killed
		last, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
		if err != nil {
			t.Fatalf("the writer said %q", text)
		}
		s := open(t, killOptions(dir))
		appendN(t, s, 1)
		read, gaps := drain(t, s, next)
		cut := s.Stats().Cut.Records
		if uint64(len(gaps)) != cut || len(read) == 0 || read[len(read)-1] < last ||
			len(gaps) > 0 && gaps[0] <= last {
			t.Fatalf("got %d read, gaps %v, %d cut, want all to %d", len(read), gaps, cut, last)
		}
		next = s.Stats().Next
		s.Close()
	}
	t.Logf("%d records", next-1)
}
