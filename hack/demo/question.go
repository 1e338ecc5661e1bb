package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/bailiwick-dev/bailiwick/hack/stage"
)

// question is what an application would like to know, and what it should be told.
type question struct {
	words      string
	subject    string
	permission string
	object     string
	attributes map[string]any

	allowed bool
	because string
}

// ask puts questions to the store and fails if an answer is not as expected.
func (s *theatre) ask(ctx context.Context, questions ...question) error {
	for _, q := range questions {
		q.print()
		allowed, err := s.store.check(ctx, q)
		if err != nil {
			return err
		}
		if err := q.judge(allowed); err != nil {
			return err
		}
	}
	return nil
}

// askUntil repeats a question until the answer is as expected, after a change whose end isn't reported.
func (s *theatre) askUntil(ctx context.Context, q question) error {
	q.print()
	var allowed bool
	err := wait.PollUntilContextTimeout(ctx, 5*time.Millisecond, stage.Patience, true, func(ctx context.Context) (bool, error) {
		var err error
		allowed, err = s.store.check(ctx, q)
		return allowed == q.allowed, err
	})
	if wait.Interrupted(err) && ctx.Err() == nil {
		return q.judge(allowed)
	}
	if err != nil {
		return err
	}
	return q.judge(allowed)
}

// showRequest puts one question in full, as it can be typed.
func (s *theatre) showRequest(q question) error {
	body, err := json.Marshal(q.request())
	if err != nil {
		return err
	}
	fmt.Printf("\n  $ curl \"$OPENFGA_API_URL/stores/$OPENFGA_STORE_ID/check\" -d '%s'\n", body)
	return nil
}

func (q question) print() {
	context := fmt.Sprintf("permission: %q", q.permission)
	if len(q.attributes) > 0 {
		attributes, err := json.Marshal(q.attributes)
		if err != nil {
			panic(err) // They are written down in this program.
		}
		context += fmt.Sprintf(", attributes: %s", attributes)
	}
	fmt.Printf("\n  %s\n", q.words)
	fmt.Printf("    check  user:%s  can  %s  {%s}\n", q.subject, q.object, context)
}

func (q question) judge(allowed bool) error {
	if allowed != q.allowed {
		return fmt.Errorf("%q was answered with %s, and should be %s", q.words, verdict(allowed), verdict(q.allowed))
	}
	fmt.Printf("    -> %s: %s\n", verdict(allowed), q.because)
	return nil
}

func verdict(allowed bool) string {
	if allowed {
		return "allowed"
	}
	return "denied"
}
