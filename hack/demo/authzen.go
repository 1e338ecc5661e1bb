package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/bailiwick-dev/bailiwick/hack/stage"
)

// entity is a subject, an action or a resource in AuthZEN's words.
type entity map[string]any

// showAuthZEN asks about a project and about an object that no declaration names, in one request.
func showAuthZEN(ctx context.Context, s *theatre) error {
	request := map[string]any{
		"subject": entity{"type": "user", "id": carol},
		"action":  entity{"name": "App:View"},
		"evaluations": []any{
			map[string]any{"resource": entity{"type": "project", "id": "acme/prod/speech"}},
			map[string]any{"resource": entity{"type": "App", "id": "dictation", "properties": map[string]any{
				"scope": map[string]any{"organization": "acme", "workspace": "prod", "project": "speech"},
			}}},
			map[string]any{"resource": entity{"type": "project", "id": "acme/research/grasping"}},
		},
	}
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	fmt.Printf("\n  $ curl \"$BAILIWICK_DECISION_URL/access/v1/evaluations\" -H \"Authorization: Bearer $BAILIWICK_DECISION_KEY\" -H 'Content-Type: application/json' -d '%s'\n", body)
	var answer struct {
		Evaluations []struct {
			Decision bool `json:"decision"`
		} `json:"evaluations"`
	}
	if err := stage.Call(ctx, http.DefaultClient, http.MethodPost, s.Decisions+"/access/v1/evaluations", s.DecisionKey, request, &answer); err != nil {
		return err
	}
	got, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	if want := `{"evaluations":[{"decision":true},{"decision":true},{"decision":false}]}`; string(got) != want {
		return fmt.Errorf("AuthZEN answered %s, and should answer %s", got, want)
	}
	fmt.Printf("    %s\n", got)
	return nil
}
