// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/config"
	"github.com/bulkhead-net/bulkhead/internal/denials"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/source/files"
)

// Options say what an agent works on.
type Options struct {
	// Node is where the node keeps its things. The agent waits for the lock as long as it takes.
	Node node.Options
	// Base is what the node closes before any container exists; nil leaves what was set before.
	Base *compile.Config
	// Socket is where requests are answered.
	Socket string
	// Resync is how often the kernel is read back without a reason; 30 s if zero.
	Resync time.Duration
	// Metrics is where metrics and health are served, as config.Agent has it; empty for nowhere.
	Metrics string
	Log     *slog.Logger
	// Level is the log's, which a new configuration may change; nil if it cannot.
	Level *slog.LevelVar
	// Hangup says that the configuration is to be read again, by Read.
	Hangup <-chan os.Signal
	Read   func() (config.Config, error)
	// Denials says what is kept of refused packets, and where; without a directory nothing is.
	Denials denials.Options
	// Notify tells the service manager, in the words of sd_notify(3); nil for nobody.
	Notify func(state string)
}

func (o Options) withDefaults() Options {
	if o.Resync == 0 {
		o.Resync = config.DefaultAgent().Resync
	}
	if o.Node.StateDir == "" {
		o.Node.StateDir = node.DefaultStateDir
	}
	if o.Node.PolicyDir == "" {
		o.Node.PolicyDir = node.DefaultPolicyDir
	}
	if o.Socket == "" {
		o.Socket = filepath.Join(o.Node.StateDir, "agent.sock")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Notify == nil {
		o.Notify = func(string) {}
	}
	return o
}

// Agent is one running agent.
type Agent struct {
	options  Options
	log      *slog.Logger
	started  time.Time
	node     *node.Node
	policies *files.Watch
	jobs     chan job
	pulse    pulse
	metrics  *metrics
	account  *account // nil if nothing is kept of refused packets
	summary  atomic.Pointer[Summary]

	// The tasks, and all of them.
	features, reload, resync, links, marks, readmit, counters *task
	tasks                                                     []*task

	// What the tasks found; the loop's own.
	notEnforced map[string]string // endpoint ids, and why
	writers     []string          // foreign rules that can forge our marks
	disturbers  []string          // those that clear them, or leave packets untracked
	report      node.Report       // of the last change
	began       time.Time         // a moment before the next change
	repairs     int
	lastRepair  string
}

// queued is how many requests wait for the loop before more wait to be queued.
const queued = 128

// Run is an agent, from taking the node over until ctx ends. What is in the kernel stays there.
// The error says why it could not begin, or could not end in order.
func Run(ctx context.Context, o Options) (err error) {
	o = o.withDefaults()
	a := &Agent{options: o, log: o.Log, started: time.Now(), jobs: make(chan job, queued),
		metrics: newMetrics()}
	a.setTasks()
	if err := a.takeOver(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // told to go while it waited for its predecessor
		}
		return err
	}
	defer func() { err = errors.Join(err, a.node.Close()) }()
	defer a.keepAccount(ctx)()
	a.publish()
	// Not before: the predecessor has the same place until it lets the lock go.
	web, err := a.serveWeb(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, web()) }()
	return a.work(ctx)
}

// takeOver waits for the lock and makes the node this agent's. Whoever held it is gone then, and
// left the kernel as it was.
func (a *Agent) takeOver(ctx context.Context) error {
	var err error
	if a.policies, err = files.Open(a.options.Node.PolicyDir, files.Options{}); err != nil {
		return err
	}
	o := a.options.Node
	o.Agent, o.LockTimeout, o.ReadPolicies = true, lockRound, a.policies.Read
	o.RetainCounters = a.options.Denials.Dir != ""
	for {
		a.node, err = node.Open(ctx, o)
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			break
		}
		a.log.Info("waiting for the node's lock", "reason", err)
	}
	if err != nil {
		return err
	}
	owner := node.Ownership{Socket: a.options.Socket, PID: os.Getpid(), Started: a.started.UTC(),
		PolicyDir: a.options.Node.PolicyDir, ReadsCounters: o.RetainCounters}
	if err = a.node.Own(owner); err == nil && a.options.Base != nil {
		_, err = a.node.SetConfig(ctx, *a.options.Base)
	}
	if err != nil {
		return errors.Join(err, a.node.Close())
	}
	return nil
}

// lockRound is how often an agent that waits for another one says so.
const lockRound = 10 * time.Second

// work watches and serves until ctx ends.
func (a *Agent) work(ctx context.Context) error {
	server, err := agentapi.Listen(ctx, agentapi.Options{Socket: a.options.Socket, Log: a.log})
	if err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	watched, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var watching sync.WaitGroup
	defer func() { cancel(); watching.Wait() }()
	watching.Go(func() { a.policies.Run(watched) })
	watching.Go(func() { a.watchdog(watched) })
	in := events{kernel: persist(watched, &watching, a.kernelSource()),
		links: persist(watched, &watching, a.linkSource())}
	a.begin(ctx)
	// Requests that were let in are answered when ctx has ended too, so the loop outlives it.
	looping, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	serving := make(chan error, 1)
	go func() {
		serving <- server.Serve(ctx, a)
		stop()
	}()
	a.options.Notify("READY=1")
	a.log.Info("serving", "socket", a.options.Socket, "endpoints", len(a.node.Attachments()),
		"generation", a.report.Generation)
	a.loop(looping, in)
	a.options.Notify("STOPPING=1")
	return <-serving
}

// begin brings everything up to date once, before anybody is served. What fails is tried again by
// the loop; until then the agent is not ready.
func (a *Agent) begin(ctx context.Context) {
	for _, t := range a.tasks {
		a.do(ctx, t)
	}
}
