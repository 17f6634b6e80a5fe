// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// changes are the system calls by which a process changes anything outside of itself: the files
// of the node, its lock, the kernel's rules and links. Between two of them, dying early or late
// is the same.
var changes = map[uint64]bool{
	unix.SYS_OPENAT: true, unix.SYS_MKDIRAT: true, unix.SYS_WRITE: true, unix.SYS_PWRITE64: true,
	unix.SYS_FSYNC: true, unix.SYS_FTRUNCATE: true, unix.SYS_RENAMEAT: true,
	unix.SYS_RENAMEAT2: true, unix.SYS_UNLINKAT: true, unix.SYS_LINKAT: true,
	unix.SYS_FCHMOD: true, unix.SYS_FCHMODAT: true, unix.SYS_FLOCK: true, unix.SYS_CLOSE: true,
	unix.SYS_SENDTO: true, unix.SYS_SENDMSG: true, unix.SYS_IOCTL: true,
	unix.SYS_EXIT_GROUP: true,
}

// tracee is a process of ours whose every system call stops it, in any of its threads.
type tracee struct {
	pid    int
	inside map[int]bool // threads between the entry and the end of a call
	calls  int          // those that counted so far
	counts func(call uint64) bool
	killAt int
	killed bool
}

// runKilled runs the operation and kills it at the entry of the n-th system call that counts;
// 0 never. It returns how many it has seen, whether the process was killed, and the output.
func (o operation) runKilled(t *testing.T, n int, counts func(uint64) bool) (
	calls int, killed bool, output string) {
	t.Helper()
	out, in := scratch(t, ""), scratch(t, o.stdin)
	defer out.Close()
	defer in.Close()
	cmd := exec.Command(filepath.Join(o.site.binaries, o.name), o.args...)
	cmd.Env = append(append(os.Environ(), o.env...), "GODEBUG=asyncpreemptoff=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, out
	// A group of its own: waiting for it takes no other child of this process.
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Setpgid: true}
	tr := &tracee{inside: map[int]bool{}, counts: counts, killAt: n}
	var code int
	var err error
	var driver sync.WaitGroup
	ended := make(chan struct{})
	o.site.net.Do(func() { // one thread, as ptrace wants
		if err = cmd.Start(); err == nil {
			tr.pid = cmd.Process.Pid
			if o.drive != nil {
				driver.Go(func() { o.drive(tr.pid, ended) })
			}
			code, err = tr.follow()
		}
	})
	close(ended)
	driver.Wait()
	o.site.operations.Add(1)
	text, rerr := os.ReadFile(out.Name())
	switch {
	case err != nil || rerr != nil:
		t.Fatalf("trace %s %v: %v", o.name, o.args, errors.Join(err, rerr))
	case tr.killed:
		o.site.kills.Add(1)
	case code != 0:
		t.Errorf("%s %v %v: exit %d\n%s", o.name, o.args, o.env, code, text)
	}
	return tr.calls, tr.killed, string(text)
}

// scratch is a file with a text, read from its beginning.
func scratch(t *testing.T, text string) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "stream")
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err == nil {
		_, err = f.Seek(0, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// follow runs the process from stop to stop until it ends, and returns its exit code.
func (tr *tracee) follow() (int, error) {
	var status unix.WaitStatus
	if _, err := unix.Wait4(tr.pid, &status, 0, nil); err != nil {
		return 0, fmt.Errorf("first stop: %w", err)
	}
	options := unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL
	if err := unix.PtraceSetOptions(tr.pid, options); err != nil {
		return 0, fmt.Errorf("options: %w", err)
	}
	if err := unix.PtraceSyscall(tr.pid, 0); err != nil {
		return 0, fmt.Errorf("first start: %w", err)
	}
	for {
		thread, err := unix.Wait4(-tr.pid, &status, unix.WALL, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, fmt.Errorf("wait: %w", err)
		case status.Exited() || status.Signaled():
			if thread == tr.pid {
				return status.ExitStatus(), nil
			}
			continue
		}
		if err := tr.stopped(thread, status); err != nil {
			return 0, err
		}
	}
}

// stopped looks at why a thread stopped, and lets it go on.
func (tr *tracee) stopped(thread int, status unix.WaitStatus) error {
	signal := 0
	switch stop := status.StopSignal(); {
	case stop == unix.SIGTRAP|0x80:
		tr.inside[thread] = !tr.inside[thread]
		if tr.inside[thread] && !tr.killed {
			if err := tr.entered(thread); err != nil {
				return err
			}
		}
	case stop != unix.SIGTRAP && stop != unix.SIGSTOP:
		signal = int(stop)
	}
	err := unix.PtraceSyscall(thread, signal)
	if err == unix.ESRCH { // it was killed meanwhile
		return nil
	}
	return err
}

// entered counts a call, and kills the process before it is done when its turn has come.
func (tr *tracee) entered(thread int) error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(thread, &regs); err == unix.ESRCH {
		return nil
	} else if err != nil {
		return fmt.Errorf("registers: %w", err)
	}
	if !tr.counts(regs.Orig_rax) {
		return nil
	}
	tr.calls++
	if tr.calls != tr.killAt {
		return nil
	}
	tr.killed = true
	return unix.Kill(tr.pid, unix.SIGKILL)
}

// each runs an operation, killed at its first call that counts, at its second, and so on until it
// ends unharmed; after each, mend must make everything right again.
func (o operation) each(t *testing.T, counts func(uint64) bool, prepare, mend func()) {
	t.Helper()
	n := 1
	for ; ; n++ {
		prepare()
		_, killed, _ := o.runKilled(t, n, counts)
		pause()
		mend()
		if !killed {
			break
		}
	}
	what := o.verb()
	if what == "" {
		what = o.args[0]
	}
	t.Logf("%s %s: killed at each of %d system calls", o.name, what, n-1)
	if n < 10 {
		t.Errorf("%s: only %d system calls", o.name, n)
	}
}

// verb is the CNI verb, empty for other programs.
func (o operation) verb() string {
	for _, e := range o.env {
		if verb, ok := strings.CutPrefix(e, "CNI_COMMAND="); ok {
			return verb
		}
	}
	return ""
}
