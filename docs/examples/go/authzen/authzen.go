// Package authzen asks a decision point of AuthZEN 1.0, as Bailiwick is one. Copy it into your application. Whatever is not a
// decision of true is a denial: another status, no answer in time, an answer that can't be read.
package authzen

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"
)

// Client asks one decision point.
type Client struct {
	// URL is that of the decision point, without a slash at its end.
	URL string
	// Token is called for each request: it returns a key, or what is in the file of a ServiceAccount's token now.
	Token func() (string, error)
	// Timeout ends a question. Default: a second.
	Timeout time.Duration
	// HTTP makes the requests. Default: http.DefaultClient.
	HTTP *http.Client
}

// Entity is a subject or a resource.
type Entity struct {
	Type       string         `json:"type"`
	ID         string         `json:"id,omitempty"`
	Properties map[string]any `json:"properties,omitempty"`
}

// Action is what somebody wants to do.
type Action struct {
	Name       string         `json:"name"`
	Properties map[string]any `json:"properties,omitempty"`
}

// Question is what is asked. In one of several questions, what is nil is taken from the one that they share.
type Question struct {
	Subject  *Entity        `json:"subject,omitempty"`
	Action   *Action        `json:"action,omitempty"`
	Resource *Entity        `json:"resource,omitempty"`
	Context  map[string]any `json:"context,omitempty"`
}

// mostEvaluations of one request.
const mostEvaluations = 100

type verdict struct {
	Decision bool `json:"decision"`
}

// Allowed answers one question. It is false, too, where there is no answer; the error says why.
func (c *Client) Allowed(ctx context.Context, q Question) (bool, error) {
	var answer verdict
	err := c.post(ctx, "/access/v1/evaluation", q, &answer)
	return answer.Decision && err == nil, err
}

// AllowedAll answers several questions that have something in common, in their order, as for a menu.
func (c *Client) AllowedAll(ctx context.Context, shared Question, each []Question) ([]bool, error) {
	allowed := make([]bool, len(each))
	for begin := 0; begin < len(each); begin += mostEvaluations {
		some := each[begin:min(begin+mostEvaluations, len(each))]
		var answer struct {
			Evaluations []verdict `json:"evaluations"`
		}
		request := struct {
			Question
			Evaluations []Question `json:"evaluations"`
		}{shared, some}
		err := c.post(ctx, "/access/v1/evaluations", request, &answer)
		if err == nil && len(answer.Evaluations) != len(some) {
			err = fmt.Errorf("%d questions have %d answers", len(some), len(answer.Evaluations))
		}
		if err != nil {
			return make([]bool, len(each)), err
		}
		for n, one := range answer.Evaluations {
			allowed[begin+n] = one.Decision
		}
	}
	return allowed, nil
}

// Resources finds what the subject may do the action with: objects by name, and what else is allowed, which Where makes SQL of.
func (c *Client) Resources(ctx context.Context, q Question) (Found, error) {
	type page struct {
		Token string `json:"token,omitempty"`
	}
	request := struct {
		Question
		Page *page `json:"page,omitempty"`
	}{Question: q}
	var all Found
	for {
		var answer struct {
			Found
			Page struct {
				Next string `json:"next_token"`
			} `json:"page"`
		}
		if err := c.post(ctx, "/access/v1/search/resource", request, &answer); err != nil {
			return Found{}, err
		}
		if refused := answer.Context.Error; refused != nil {
			return Found{}, fmt.Errorf("the decision point says: %s", refused.Message)
		}
		all.Results, all.Context = append(all.Results, answer.Results...), answer.Context
		if answer.Page.Next == "" {
			return all, nil
		}
		request.Page = &page{answer.Page.Next}
	}
}

func (c *Client) post(ctx context.Context, path string, question, answer any) error {
	timeout := c.Timeout
	if timeout == 0 {
		timeout = time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	body, err := json.Marshal(question)
	if err != nil {
		return fmt.Errorf("writing a question: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("making a request: %w", err)
	}
	token, err := c.Token()
	if err != nil {
		return fmt.Errorf("reading the token: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("asking for a decision: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("reading a decision: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("asking for a decision: %s: %s", response.Status, bytes.TrimSpace(text))
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("reading a decision: %w", err)
	}
	return nil
}

// Protect lets a request through to next if what it is about is allowed. question is false for a request that shows no user.
func (c *Client) Protect(question func(*http.Request) (Question, bool), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q, known := question(r)
		if !known {
			http.Error(w, "sign in first", http.StatusUnauthorized)
			return
		}
		allowed, err := c.Allowed(r.Context(), q)
		if err != nil {
			slog.WarnContext(r.Context(), "denied, since there is no decision", "error", err)
		}
		if !allowed {
			http.Error(w, "you may not do this", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
