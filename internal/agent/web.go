// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/bulkhead-net/bulkhead/internal/config"
)

// webTime bounds a request for metrics or health, and the end of the last ones.
const webTime = 5 * time.Second

// serveWeb answers /metrics, /healthz and /readyz. The function returned ends it.
func (a *Agent) serveWeb(ctx context.Context) (func() error, error) {
	if a.options.Metrics == "" || a.options.Metrics == config.MetricsOff {
		return func() error { return nil }, nil
	}
	listener, err := listenWeb(ctx, a.options.Metrics)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", a.healthz)
	mux.HandleFunc("GET /readyz", a.readyz)
	server := &http.Server{Handler: mux, ReadTimeout: webTime, WriteTimeout: webTime,
		IdleTimeout: webTime, MaxHeaderBytes: 16 << 10}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	return func() error {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), webTime)
		defer cancel()
		err := server.Shutdown(stop)
		if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}, nil
}

// listenWeb opens a loopback port, or a socket that only its owner may use.
func listenWeb(ctx context.Context, place string) (net.Listener, error) {
	var c net.ListenConfig
	path, isUnix := strings.CutPrefix(place, "unix:")
	if !isUnix {
		return c.Listen(ctx, "tcp", place)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSocket == 0 {
		return nil, fmt.Errorf("%s: found something else than a socket", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := c.Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	return l, os.Chmod(path, 0o600)
}

// healthz fails when only a restart can help.
func (a *Agent) healthz(w http.ResponseWriter, _ *http.Request) {
	if what, since := a.pulse.stuck(); what != "" {
		http.Error(w, fmt.Sprintf("%s does not end, for %v now", what, since.Round(time.Second)),
			http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

func (a *Agent) readyz(w http.ResponseWriter, _ *http.Request) {
	if r := a.ready(); len(r.Missing) > 0 {
		http.Error(w, strings.Join(r.Missing, "\n"), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}
