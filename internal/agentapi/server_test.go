// SPDX-License-Identifier: Apache-2.0

package agentapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
)

// handler is a function as a Handler.
type handler func(context.Context, Request) (any, error)

func (h handler) Handle(ctx context.Context, r Request) (any, error) { return h(ctx, r) }

// logText is a log that is read while it is written.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// running is a server that serves.
type running struct {
	socket string
	log    *logText
	stop   func()
	done   chan error
}

// start serves below a directory of its own; o may be empty.
func start(t *testing.T, o Options, h handler) *running {
	t.Helper()
	r := &running{socket: filepath.Join(t.TempDir(), "run", "agent.sock"), log: &logText{},
		done: make(chan error, 1)}
	if o.Socket != "" {
		r.socket = o.Socket
	}
	o.Socket, o.Log = r.socket, slog.New(slog.NewTextHandler(r.log, nil))
	s, err := Listen(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	go func() { r.done <- s.Serve(ctx, h) }()
	t.Cleanup(cancel)
	return r
}

func ready(context.Context, Request) (any, error) { return Ready{Missing: []string{"x"}}, nil }

// ask makes a call that ends after the given time.
func (r *running) ask(t *testing.T, wait time.Duration, request Request) (Reply, error) {
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	return Call(ctx, r.socket, request)
}

// wantServing fails unless the server answers.
func (r *running) wantServing(t *testing.T) {
	t.Helper()
	reply, err := r.ask(t, 10*time.Second, Request{Verb: VerbReady})
	if err != nil {
		t.Errorf("server: got %v, want an answer\n%s", err, r.log)
		return
	}
	var got Ready
	if err := reply.Decode(&got); err != nil || len(got.Missing) != 1 {
		t.Errorf("server: got %s and %v, want a result", reply.Result, err)
	}
}

func TestCallAndReply(t *testing.T) {
	r := start(t, Options{}, func(ctx context.Context, r Request) (any, error) {
		end, ok := ctx.Deadline()
		if left := time.Until(end); !ok || left > 5*time.Second || left < 4*time.Second {
			t.Errorf("deadline: got %v left, want just below 5 s", left)
		}
		if r.Verb == VerbDetach {
			return nil, fmt.Errorf("%s: %w", r.Detach.ID(), endpoint.ErrUnknown)
		}
		return Attached{Notes: []string{r.Attach.Endpoint.ID}}, nil
	})
	reply, err := r.ask(t, 5*time.Second, Request{Verb: VerbAttach, Attach: testAttachment()})
	var got Attached
	if err != nil || reply.Decode(&got) != nil || len(got.Notes) != 1 || got.Notes[0] != "web1/eth0" {
		t.Errorf("attach: got %s and %v, want the note", reply.Result, err)
	}
	_, err = r.ask(t, 5*time.Second, Request{Verb: VerbDetach,
		Detach: &Interface{ContainerID: "web2", Interface: "eth0"}})
	if !errors.Is(err, endpoint.ErrUnknown) || !strings.Contains(err.Error(), "web2/eth0") {
		t.Errorf("detach: got %v, want ErrUnknown", err)
	}
	if _, err := r.ask(t, 5*time.Second, Request{Verb: VerbAttach}); !errors.Is(err, ErrInvalid) {
		t.Errorf("attach of nothing: got %v, want ErrInvalid", err)
	}
}

// TestBadRequestsCostThemselves: whatever a connection carries, the next one is served.
func TestBadRequestsCostThemselves(t *testing.T) {
	var handled atomic.Int32
	r := start(t, Options{MaxConnections: 2, TransferTime: 200 * time.Millisecond},
		func(ctx context.Context, r Request) (any, error) {
			handled.Add(1)
			return ready(ctx, r)
		})
	const version2 = `{"version": 2, "verb": "ready", "timeLeft": 1000}`
	for _, tc := range []struct {
		name  string
		input []byte
		want  string // part of the answer; empty for none
	}{
		{"nothing", nil, ""},
		{"half a length", []byte{0, 0}, ""},
		{"half a text", frame(100, `{"version": 1`), ""},
		{"length without end", frame(1<<32-1, ""), "accepted 1 to 33554432"},
		{"empty", frame(0, ""), "invalid"},
		{"no JSON", frame(3, "GET"), "invalid"},
		{"another version", frame(uint32(len(version2)), version2), "found 2, accepted 1"},
	} {
		conn, err := net.Dial("unix", r.socket)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := conn.Write(tc.input); err != nil {
			t.Errorf("%s: write: %v", tc.name, err)
		}
		got, err := io.ReadAll(conn)
		if err != nil {
			t.Errorf("%s: got %v, want a closed connection", tc.name, err)
		}
		if (len(got) > 0) != (tc.want != "") || !strings.Contains(string(got), tc.want) {
			t.Errorf("%s: got answer %q, want %q in it", tc.name, got, tc.want)
		}
		conn.Close()
		r.wantServing(t)
	}
	if n := handled.Load(); n != 7 {
		t.Errorf("handled: got %d requests, want the 7 good ones", n)
	}
}

func TestPanicIsAnErrorOfItsRequest(t *testing.T) {
	r := start(t, Options{}, func(ctx context.Context, r Request) (any, error) {
		if r.Verb == VerbApply {
			panic("no such luck")
		}
		return ready(ctx, r)
	})
	_, err := r.ask(t, 5*time.Second, Request{Verb: VerbApply})
	var got *Error
	if !errors.As(err, &got) || got.Code != CodeInternal {
		t.Errorf("panic: got %v, want an internal error", err)
	}
	if log := r.log.String(); !strings.Contains(log, "no such luck") ||
		!strings.Contains(log, "TestPanicIsAnErrorOfItsRequest") {
		t.Errorf("log: got %q, want the panic and its stack", log)
	}
	r.wantServing(t)
}

func TestResultsThatCannotBeSentAreErrors(t *testing.T) {
	r := start(t, Options{}, func(_ context.Context, r Request) (any, error) {
		if r.Verb == VerbStatus {
			return func() {}, nil
		}
		return strings.Repeat("x", MaxFrame), nil
	})
	for _, verb := range []Verb{VerbStatus, VerbPolicies} {
		_, err := r.ask(t, time.Minute, Request{Verb: verb})
		var got *Error
		if !errors.As(err, &got) || got.Code != CodeInternal {
			t.Errorf("%s: got %v, want an internal error", verb, err)
		}
	}
}

// TestFlood: two hundred at once are all answered, never more at a time than there is room for.
func TestFlood(t *testing.T) {
	var now, most atomic.Int32
	r := start(t, Options{MaxConnections: 8}, func(ctx context.Context, r Request) (any, error) {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(5 * time.Millisecond)
		return ready(ctx, r)
	})
	var wait sync.WaitGroup
	for range 200 {
		wait.Go(func() { r.wantServing(t) })
	}
	wait.Wait()
	if n := most.Load(); n > 8 || n < 2 {
		t.Errorf("at a time: got %d, want 2 to 8", n)
	}
}

// TestHungHandler: its requester gives up in time, others are served.
func TestHungHandler(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	r := start(t, Options{MaxConnections: 2}, func(ctx context.Context, r Request) (any, error) {
		if r.Verb == VerbApply {
			<-release // heeds nothing
		}
		return ready(ctx, r)
	})
	began := time.Now()
	_, err := r.ask(t, 300*time.Millisecond, Request{Verb: VerbApply})
	if !errors.Is(err, ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, ErrDown) {
		t.Errorf("hung: got %v, want ErrTimeout", err)
	}
	if d := time.Since(began); d > 2*time.Second {
		t.Errorf("hung: got an error after %v, want 300 ms", d)
	}
	r.wantServing(t)
	// With the last room taken nobody is let in, which is no reason to take the agent for dead.
	r.ask(t, 100*time.Millisecond, Request{Verb: VerbApply})
	if _, err = r.ask(t, 100*time.Millisecond, Request{Verb: VerbReady}); !errors.Is(err, ErrTimeout) {
		t.Errorf("without room: got %v, want ErrTimeout", err)
	}
}

// TestRequesterThatLeaves: nobody wants what it asked for any more.
func TestRequesterThatLeaves(t *testing.T) {
	ended := make(chan error, 1)
	r := start(t, Options{}, func(ctx context.Context, _ Request) (any, error) {
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	})
	text, err := Request{Verb: VerbApply}.encode(time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("unix", r.socket)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeFrame(conn, text); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	select {
	case <-ended:
		t.Error("requester waits: got an ended context")
	default:
	}
	conn.Close()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("requester left: got %v, want context.Canceled", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("requester left: got a context without end")
	}
}

func TestStopFinishesWhatRuns(t *testing.T) {
	began, release := make(chan struct{}), make(chan struct{})
	r := start(t, Options{}, func(ctx context.Context, r Request) (any, error) {
		close(began)
		<-release
		if ctx.Err() != nil {
			t.Errorf("running request: got %v, want a context that lives on", ctx.Err())
		}
		return ready(ctx, r)
	})
	half, err := net.Dial("unix", r.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	answered := make(chan error, 1)
	go func() {
		_, err := r.ask(t, 10*time.Second, Request{Verb: VerbReady})
		answered <- err
	}()
	<-began
	r.stop()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := r.ask(t, time.Second, Request{Verb: VerbReady}); errors.Is(err, ErrDown) {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("stopped: got %v, want ErrDown", err)
		}
	}
	close(release)
	if err := <-answered; err != nil {
		t.Errorf("running request: got %v, want an answer", err)
	}
	if err := <-r.done; err != nil {
		t.Errorf("serve: got %v, want nil", err)
	}
	if _, err := os.Lstat(r.socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("socket: got %v, want it gone", err)
	}
}

func TestStopIsBounded(t *testing.T) {
	began, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	r := start(t, Options{StopTime: 100 * time.Millisecond},
		func(ctx context.Context, r Request) (any, error) {
			close(began)
			if r.Verb == VerbApply {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			<-release
			return nil, nil
		})
	failed := make(chan error, 1)
	go func() {
		_, err := r.ask(t, 10*time.Second, Request{Verb: VerbApply})
		failed <- err
	}()
	<-began
	r.stop()
	if err := <-r.done; err != nil {
		t.Errorf("request that is hurried: got %v, want nil", err)
	}
	if err := <-failed; !errors.Is(err, ErrBusy) {
		t.Errorf("request that is hurried: got %v, want ErrBusy", err)
	}

	began = make(chan struct{})
	r = start(t, Options{StopTime: 100 * time.Millisecond},
		func(context.Context, Request) (any, error) {
			close(began)
			<-release
			return nil, nil
		})
	go r.ask(t, 500*time.Millisecond, Request{Verb: VerbReady})
	<-began
	r.stop()
	select {
	case err := <-r.done:
		if err == nil || !strings.Contains(err.Error(), "still run") {
			t.Errorf("request without end: got %v, want an error", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("request without end: got a server that does not stop")
	}
}
