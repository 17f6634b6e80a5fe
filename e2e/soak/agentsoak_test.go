// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"flag"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

var (
	agentFor = flag.Duration("soak.agentfor", 40*time.Second, "how long TestAgentSoak runs at most")
	// A run that ends by time may have any number of kills.
	agentKills = flag.Int("soak.agentkills", 0,
		"end TestAgentSoak after that many kills of the agent, and fail if there is no time for them")
)

// TestAgentSoak churns four workers over a site with an agent, which is killed at random moments,
// also while it starts, while another one waits for its place, and for a while for good. Closed
// doors stay closed and the open one open throughout; every agent becomes ready; and in the end
// the kernel holds what the last policy and the registry say.
func TestAgentSoak(t *testing.T) {
	seed := *soakSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d, %v", seed, *agentFor)
	s := newSite(t)
	s.proveProbes(t)
	s.closeBase(t)
	s.startAgent(t)
	for _, name := range []string{"vault", "friend", "intruder"} {
		s.mustAdd(t, name)
	}
	stop, over := make(chan struct{}), make(chan struct{})
	var probes, workers sync.WaitGroup
	doors := s.knock(t, stop, &probes)
	for i := range workersCount {
		w := newWorker(s, rand.New(rand.NewPCG(seed, uint64(i))), i)
		workers.Go(func() { w.churn(t, doors, over) })
	}
	k := &killer{site: s, dice: rand.New(rand.NewPCG(seed, workersCount))}
	k.run(t)
	close(over)
	workers.Wait()
	s.awaitReady(t, s.agent)
	s.wantNoDrift(t)
	s.wantMatrix(t, s.wantEndpoints(t))
	close(stop)
	probes.Wait()
	s.settle(t)
	s.report(t, doors)
	k.report(t)
	s.agent.terminate(t)
	s.leaveNothing(t)
}

// killer ends agents and starts new ones.
type killer struct {
	site *site
	dice *rand.Rand
	// kills counts what had no time to put things in order.
	kills, ends, pairs, pauses int
	ready                      []time.Duration // from start to readiness
}

func (k *killer) run(t *testing.T) {
	for end := time.Now().Add(*agentFor); time.Now().Before(end) && !t.Failed(); {
		if *agentKills > 0 && k.kills >= *agentKills {
			return
		}
		switch k.dice.IntN(12) {
		case 0:
			k.site.awaitReady(t, k.site.agent) // before, a signal just kills
			k.site.agent.terminate(t)
			k.ends++
			k.site.agent = k.site.launch(t)
		case 1, 2:
			k.two(t)
		case 3:
			k.pause(t)
		default:
			k.kill(k.site.agent)
			k.site.agent = k.site.launch(t)
		}
		if k.dice.IntN(2) == 0 { // the others are killed whatever they are doing
			k.ready = append(k.ready, k.site.awaitReady(t, k.site.agent))
		}
		k.rest()
	}
}

// rest lasts from nothing to the time that an agent needs to be ready, and longer.
func (k *killer) rest() { time.Sleep(time.Duration(k.dice.IntN(120)) * time.Millisecond) }

func (k *killer) kill(p *agentProcess) {
	p.kill()
	k.kills++
}

// two starts a second agent beside the first, and kills the first or both.
func (k *killer) two(t *testing.T) {
	second := k.site.launch(t)
	k.rest()
	k.kill(k.site.agent)
	k.pairs++
	if k.dice.IntN(2) == 0 {
		k.kill(second)
		second = k.site.launch(t)
	}
	k.site.agent = second
}

// pause leaves the node without an agent for a while, and the workers with the plugin alone.
func (k *killer) pause(t *testing.T) {
	k.kill(k.site.agent)
	k.pauses++
	time.Sleep(time.Duration(100+k.dice.IntN(400)) * time.Millisecond)
	k.site.agent = k.site.launch(t)
}

func (k *killer) report(t *testing.T) {
	t.Helper()
	slices.Sort(k.ready)
	if k.kills < 5 || len(k.ready) < 5 || k.pauses == 0 || k.pairs == 0 {
		t.Errorf("%d kills, %d restarts to readiness, %d pauses, %d pairs: too few to say anything",
			k.kills, len(k.ready), k.pauses, k.pairs)
		return
	}
	if k.kills < *agentKills {
		t.Errorf("kills of the agent: got %d within %v, want %d", k.kills, *agentFor, *agentKills)
	}
	t.Logf("agent: %d kills (%d beside another one, %d with a pause), %d ends by SIGTERM; "+
		"restart to ready: median %v, longest %v", k.kills, k.pairs, k.pauses, k.ends,
		k.ready[len(k.ready)/2].Round(time.Millisecond),
		k.ready[len(k.ready)-1].Round(time.Millisecond))
}
