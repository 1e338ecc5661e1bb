// Package liveness ends an operator that has gone wrong, so that it is started anew instead of staying half alive:
// at once after a panic, and by its liveness probe where work has stopped.
package liveness

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"

	"sigs.k8s.io/controller-runtime/pkg/healthz"
)

// Handler ends the process when next panics. net/http would recover the panic and serve on with whatever it left
// behind, be it a lock that nobody unlocks any more.
func Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer endOnPanic()
		next.ServeHTTP(w, r)
	})
}

// Checker is the same for a probe's checker.
func Checker(next healthz.Checker) healthz.Checker {
	return func(r *http.Request) error {
		defer endOnPanic()
		return next(r)
	}
}

// endOnPanic is to be deferred. It panics again where nobody recovers.
func endOnPanic() {
	reason := recover()
	if reason == nil {
		return
	}
	if err, ok := reason.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(reason) // how a handler cuts a response off
	}
	message := fmt.Sprintf("%v\n\n%s", reason, debug.Stack())
	go panic(message)
	select {} // this goroutine must not unlock, answer or write anything any more
}
