// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/link"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// churn runs f again and again beside the test, until the function that it returns is called.
func churn(f func()) (stop func()) {
	end := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		for {
			select {
			case <-end:
				return
			default:
				f()
			}
		}
	})
	return func() { close(end); done.Wait() }
}

// Dumps of connections and of links that change meanwhile are never taken for whole when they are
// not: what is to be forgotten is forgotten, and what is there is found.
func TestThreat142(t *testing.T) {
	s := newSite(t)
	s.boxes["b"].Serve(t, "udp", 90)
	s.attach(t)
	links, err := link.Open(link.Options{NetNS: s.FD()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { links.Close() })
	// Foreign flows from many ports come and go while b's are deleted.
	var sender *net.UDPConn
	port := uint16(1024)
	stopFlows := churn(func() {
		s.boxes["x"].Do(func() { sender, err = net.ListenUDP("udp", &net.UDPAddr{Port: int(port)}) })
		if err == nil {
			sender.WriteToUDPAddrPort([]byte("noise\n"), portAt("e", port%2 == 0, 9))
			sender.Close()
		}
		if port++; port == 4096 {
			port = 1024
		}
		time.Sleep(300 * time.Microsecond)
	})
	links2 := 0
	stopLinks := churn(func() {
		name := fmt.Sprint("noise", links2%4)
		s.Command("", "ip", "link", "add", name, "type", "dummy")
		s.Command("", "ip", "link", "del", name)
		links2++
		time.Sleep(2 * time.Millisecond)
	})
	for range 6 {
		for i := range 20 {
			local := fmt.Sprint(":", 5000+i)
			c, err := s.boxes["a"].Open("udp", local, portAt("b", i%2 == 0, 90).String(), 0)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Echo(time.Second); err != nil {
				t.Fatal(err)
			}
			c.Close()
		}
		s.detach(t, "b")
		if n, err := links.ForgetAddress(s.plugs["b"].Addresses); err != nil || n > 0 {
			t.Errorf("left after detaching: got %d entries, %v; want none", n, err)
		}
		s.attach(t, "b")
		if exists, err := links.LinkExists(portOf("b")); err != nil || !exists {
			t.Errorf("link of b: got %t, %v, want true", exists, err)
		}
	}
	stopFlows()
	stopLinks()
}

// Fifty thousand elements are one transaction that is either there or not, and known to be.
func TestThreat143(t *testing.T) {
	s := newSite(t)
	s.serveAll(t)
	var list []string
	for i := range 50000 {
		list = append(list, fmt.Sprintf("172.%d.%d.%d/32", 16+i/12500, i%12500/125, 2*(i%125)))
	}
	s.attach(t, "a", "d", "e")
	path := filepath.Join(s.options.PolicyDir, "large-")
	for i := range 5 {
		text := strings.Replace(blocks("", list[i*10000:(i+1)*10000]), "name: blocks",
			fmt.Sprint("name: large-", i), 1)
		if err := os.WriteFile(fmt.Sprint(path, i, ".yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.policies(t, blocks("", []string{"10.8.0.2/32"}))
	began := time.Now()
	r := s.apply(t)
	t.Logf("%d operations in %s", r.Operations, time.Since(began))
	s.reach(t, "a", "10.8.0.2:80", nil)
	s.reach(t, "a", "10.2.0.2:80", testnet.ErrTimeout)
	if out := s.Run(t, "nft", "list", "table", "ip", "bulkhead"); strings.Count(out, "172.") < 50000 {
		t.Errorf("elements in the kernel: got %d, want 50000", strings.Count(out, "172."))
	}
}

// Commits of others, in their tables, come between ours all the time: none of ours is lost.
func TestThreat145(t *testing.T) {
	s := newSite(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	s.attach(t)
	commits := 0
	stop := churn(func() {
		s.Command(`table inet noise { set s { type ipv4_addr; elements = { 192.0.2.9 } } }
delete table inet noise`, "nft", "-f", "-")
		commits++
	})
	for i := range 20 {
		want := error(nil)
		s.policies(t, "")
		if i%2 == 0 {
			want = testnet.ErrTimeout
			s.policies(t, isolate("b"))
		}
		s.apply(t)
		if i > 15 {
			s.reachBoth(t, "a", "b", want)
		}
		s.operate(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
			drift, err := n.Verify(ctx)
			if len(drift) > 0 {
				t.Errorf("after change %d: %s", i, drift[0])
			}
			return node.Report{}, err
		})
	}
	stop()
	if commits < 10 {
		t.Errorf("foreign commits: got %d, want many", commits)
	}
}

// powerless is the environment variable that makes the test binary its own child.
const powerless = "BULKHEAD_THREATS_POWERLESS"

// Without the capability for it nothing is changed, the error says so, and nobody hangs.
func TestThreat146(t *testing.T) {
	if dir := os.Getenv(powerless); dir != "" {
		attachPowerless(t, dir)
		return
	}
	s := newSite(t)
	s.policies(t, isolate("a"))
	s.attach(t, "b")
	before := s.stamp(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", "-test.run=^TestThreat146$", "-test.v")
	cmd.Env = append(os.Environ(), powerless+"="+filepath.Dir(s.options.StateDir))
	// Root in a user namespace of its own has no power over this network namespace.
	root := []syscall.SysProcIDMap{{Size: 1}}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, UidMappings: root,
		GidMappings: root}
	var out []byte
	var err error
	s.Do(func() { out, err = cmd.CombinedOutput() })
	if err != nil {
		t.Fatalf("child: %v\n%s", err, out)
	}
	if !strings.Contains(string(out), "refused as it should be") {
		t.Errorf("child: got\n%s", out)
	}
	if after := s.stamp(t); after != before {
		t.Errorf("kernel: got %s, want %s", after, before)
	}
}

// stamp is what the kernel holds: the generation, the epoch, and whether the rules are as desired.
func (s *site) stamp(t testing.TB) string {
	t.Helper()
	var text string
	s.operate(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
		status, err := n.Status()
		if err != nil {
			return node.Report{}, err
		}
		drift, err := n.Verify(ctx)
		text = fmt.Sprintf("%+v, recorded %t, drift %v", status.Stamp, status.Recorded, drift)
		return node.Report{}, err
	})
	return text
}

func attachPowerless(t *testing.T, dir string) {
	began := time.Now()
	o := node.Options{StateDir: filepath.Join(dir, "state"), PolicyDir: filepath.Join(dir, "policies")}
	n, err := node.Open(t.Context(), o)
	if err == nil {
		defer n.Close()
		_, err = n.Apply(t.Context())
	}
	if !errors.Is(err, syscall.EPERM) || time.Since(began) > 5*time.Second {
		t.Fatalf("after %s: got %v, want %v", time.Since(began), err, syscall.EPERM)
	}
	t.Log("refused as it should be:", err)
}

// Operations leave nothing behind in the process: no goroutine, no descriptor, no thread that is
// still in another namespace.
func TestThreat149(t *testing.T) {
	s := newSite(t)
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	round := func(times int) {
		for i := range times {
			s.policies(t, []string{"", isolate("a"), "{{{"}[i%3])
			s.attach(t, "a", "e")
			s.apply(t)
			s.refused(t)
			s.detach(t, "a")
			s.detach(t, "e")
		}
	}
	round(3) // what is made once is made now
	before := leftovers(t)
	round(20)
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		after := leftovers(t)
		if after[0] <= before[0] && after[1] <= before[1] {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("goroutines and descriptors: got %v, want %v", after, before)
		}
	}
	tasks, err := filepath.Glob("/proc/self/task/*/ns/net")
	if err != nil || len(tasks) == 0 {
		t.Fatal(tasks, err)
	}
	for _, task := range tasks {
		if ns, err := os.Readlink(task); err == nil && ns != own {
			t.Errorf("%s: got %s, want %s", task, ns, own)
		}
	}
}

// leftovers counts goroutines and open descriptors.
func leftovers(t testing.TB) [2]int {
	t.Helper()
	runtime.GC() // a file that nobody closed is closed now: it is not counted twice
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return [2]int{runtime.NumGoroutine(), len(open)}
}
