package liveness_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"

	"github.com/bailiwick-dev/bailiwick/internal/liveness"
	"github.com/bailiwick-dev/bailiwick/test/crash"
)

// ask sends a request to a handler as net/http serves it, and returns the error of whoever asks.
func ask(t *testing.T, handler http.Handler) error {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := server.Client().Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.ReadAll(response.Body)
	return err
}

func panicking(reason any) http.Handler {
	return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(reason) })
}

func TestAPanicOfAHandlerEndsTheProcess(t *testing.T) {
	for name, handler := range map[string]http.Handler{
		"a handler": liveness.Handler(panicking("planted")),
		"a turn":    liveness.NewMonitor(clock.RealClock{}, logr.Discard()).Serving("requests", panicking("planted")),
		"a checker": http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_ = liveness.Checker(func(*http.Request) error { panic("planted") })(r)
		}),
	} {
		t.Run(name, func(t *testing.T) {
			crash.Expect(t, "planted", func() { _ = ask(t, handler) })
		})
	}
}

func TestAHandlerMayCutItsResponseOff(t *testing.T) {
	if err := ask(t, liveness.Handler(panicking(http.ErrAbortHandler))); err == nil {
		t.Error("the response has come whole")
	}
}
