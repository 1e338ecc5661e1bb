// Package ui serves the page of `kubectl authz ui`: an organization for those who would rather look, on loopback, with the
// rights of whoever started it.
package ui

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// readTimeout bounds a request, writeTimeout an answer.
	readTimeout, writeTimeout = 10 * time.Second, 30 * time.Second
	// quiet is how long a page is left alone after it was told of something new, pulse after how long it is told in any case:
	// what it shows depends on the time.
	quiet, pulse = 300 * time.Millisecond, 15 * time.Second
)

// Options are what is served, and where.
type Options struct {
	// Client has the rights of the reader.
	Client       client.WithWatch
	Organization string
	Clock        clock.PassiveClock
	// Port is that on 127.0.0.1; 0 is any that is free.
	Port int
}

// Serve serves the pages until ctx ends. It says where when it listens.
func Serve(ctx context.Context, options Options, listening func(url string)) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", fmt.Sprintf("127.0.0.1:%d", options.Port))
	if err != nil {
		return fmt.Errorf("listening: %w: choose another port with --port", err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s := &site{mirror: newMirror(options.Client, options.Organization, options.Clock), organization: options.Organization, clock: options.Clock}
	guard := newGuard(listener.Addr().(*net.TCPAddr).Port)
	server := &http.Server{
		Handler:     guard.protect(s.routes()),
		ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.mirror.run(ctx)
		_ = server.Close() // what is open is of a browser that is told so
	}()
	listening(fmt.Sprintf("http://%s/?token=%s", guard.hosts[0], guard.token))
	err = server.Serve(listener)
	stop()
	<-ended
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serving: %w", err)
}

// events tells a page whenever there may be something new to see.
func (s *site) events(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	for {
		next := s.mirror.next()
		_ = control.SetWriteDeadline(time.Now().Add(writeTimeout)) // a server of net/http has deadlines
		if _, err := fmt.Fprint(w, "data: changed\n\n"); err != nil || control.Flush() != nil {
			return
		}
		if !pause(r.Context(), quiet, nil) || !pause(r.Context(), pulse, next) {
			return
		}
	}
}

// pause waits for a time, or less if something comes first; false if ctx ends.
func pause(ctx context.Context, length time.Duration, first <-chan struct{}) bool {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-first:
	}
	return true
}
