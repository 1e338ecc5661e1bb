package main

import (
	"context"
	"testing"
)

// Every engine answers as the organization says, before and after revocations, and neither always yes nor always no.
func TestEnginesAnswerAsTheOrganizationSays(t *testing.T) {
	for name, start := range map[string]func(context.Context, *world) (engine, error){
		"Bailiwick": startBailiwick, "AuthZEN": startAuthZEN, "cedar-go": startCedar, "OPA": startOPA, "OpenFGA": startOpenFGA,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(60)
			e, err := start(t.Context(), w)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := e.close(); err != nil {
					t.Error(err)
				}
			}()
			const count = 200
			allowed := 0
			for _, q := range w.questions(count) {
				got, err := e.may(t.Context(), q)
				if err != nil || got != w.may(q) {
					t.Errorf("%+v: %t, %v, want %t", q, got, err, w.may(q))
				}
				if got {
					allowed++
				}
			}
			if allowed < count/4 || allowed > count*3/4 {
				t.Errorf("%d of %d questions are answered with yes", allowed, count)
			}
			if _, _, err := revokeAll(t.Context(), e, w); err != nil {
				t.Error(err)
			}
		})
	}
}
