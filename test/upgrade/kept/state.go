// Package kept is what there is of an installation at one moment, as far as an upgrade must not change it: the
// objects with their statuses, the tuples of the store, and what everybody may do.
package kept

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/bailiwick-dev/bailiwick/hack/stage"
)

// Resources are all that are kept, each after those that it names.
const Resources = "resourcetypes,organizations,users,groups,roles.authz.bailiwick.dev,roleassignments,permissiongrants,temporarypermissiongrants,groupmemberships,invitations"

// State is what is kept.
type State struct {
	Objects   []map[string]any `json:"objects"`
	Tuples    []string         `json:"tuples"`
	Decisions []Decision       `json:"decisions"`
}

// Decision is what AuthZEN answers to a question.
type Decision struct {
	Subject    string         `json:"subject"`
	Permission string         `json:"permission"`
	Type       string         `json:"type"`
	ID         string         `json:"id"`
	Attributes map[string]any `json:"attributes,omitempty"`
	Allowed    bool           `json:"allowed"`
}

// Read reads what Write has written.
func Read(path string) (state State, err error) {
	encoded, err := os.ReadFile(path)
	if err != nil {
		return state, fmt.Errorf("reading what was kept: %w", err)
	}
	// Numbers are those of the objects' own decoder.
	if err := utiljson.Unmarshal(encoded, &state); err != nil {
		return state, fmt.Errorf("reading what was kept: %w", err)
	}
	for _, object := range state.Objects {
		if err := utiljson.ConvertMapNumbers(object, 0); err != nil {
			return state, fmt.Errorf("reading what was kept: %w", err)
		}
	}
	return state, nil
}

// Write writes a state into a file.
func (s State) Write(path string) error {
	encoded, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return fmt.Errorf("writing down the state: %w", err)
	}
	return os.WriteFile(path, append(encoded, '\n'), 0o600)
}

// Take reads all of an installation whose operator answers.
func Take(ctx context.Context, s *stage.Stage) (state State, err error) {
	if state.Objects, err = objects(ctx, s); err != nil {
		return state, err
	}
	if state.Tuples, err = tuples(ctx, s); err != nil {
		return state, err
	}
	for _, question := range questions(state.Objects) {
		if question.Allowed, err = Ask(ctx, s, question); err != nil {
			return state, err
		}
		state.Decisions = append(state.Decisions, question)
	}
	return state, nil
}

// objects are without what every API server gives them anew, and without times.
func objects(ctx context.Context, s *stage.Stage) ([]map[string]any, error) {
	printed, err := s.Kubectl(ctx, "get", Resources, "--all-namespaces", "--output=json")
	if err != nil {
		return nil, err
	}
	var list unstructured.UnstructuredList
	if err := list.UnmarshalJSON([]byte(printed)); err != nil {
		return nil, fmt.Errorf("reading the objects: %w", err)
	}
	var all []map[string]any
	for _, item := range list.Items {
		metadata := item.Object["metadata"].(map[string]any)
		for _, anew := range []string{"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"} {
			delete(metadata, anew)
		}
		if annotations, ok := metadata["annotations"].(map[string]any); ok {
			delete(annotations, "kubectl.kubernetes.io/last-applied-configuration")
		}
		if status, ok := item.Object["status"].(map[string]any); ok {
			// A revision is named after the UID of its role.
			delete(status, "revision")
			delete(status, "previousRevision")
			if item.GetKind() == "Invitation" {
				delete(status, "expiresAt") // so long after it was made
			}
			conditions, _ := status["conditions"].([]any)
			for _, condition := range conditions {
				delete(condition.(map[string]any), "lastTransitionTime")
				delete(condition.(map[string]any), "message") // for people, and another version says it better
			}
		}
		all = append(all, item.Object)
	}
	return all, nil
}

// tuples are lines, in order.
func tuples(ctx context.Context, s *stage.Stage) (lines []string, err error) {
	all, err := stage.Tuples(ctx, s.OpenFGA)
	if err != nil {
		return nil, err
	}
	for _, tuple := range all {
		line := strings.Join([]string{tuple.Object, tuple.Relation, tuple.User}, " ")
		if tuple.Condition != nil {
			encoded, err := json.Marshal(tuple.Condition.Context) // with sorted keys
			if err != nil {
				return nil, fmt.Errorf("writing down a context: %w", err)
			}
			line += " " + string(encoded)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines, nil
}

// questions are about everybody, every permission and every place, with and without attributes.
func questions(objects []map[string]any) (all []Decision) {
	var subjects, permissions []string
	places := map[string]string{} // types by ids
	text := func(from map[string]any, fields ...string) string {
		value, _, _ := unstructured.NestedString(from, fields...)
		return value
	}
	list := func(from map[string]any, fields ...string) (maps []map[string]any) {
		items, _, _ := unstructured.NestedSlice(from, fields...)
		for _, item := range items {
			maps = append(maps, item.(map[string]any))
		}
		return maps
	}
	for _, object := range objects {
		switch text(object, "kind") {
		case "User":
			subjects = append(subjects, text(object, "spec", "subject"))
		case "ResourceType":
			for _, permission := range list(object, "spec", "permissions") {
				permissions = append(permissions, text(permission, "name"))
			}
		case "Organization":
			organization := text(object, "metadata", "name")
			places[organization] = "organization"
			for _, workspace := range list(object, "spec", "workspaces") {
				inside := organization + "/" + text(workspace, "name")
				places[inside] = "workspace"
				for _, project := range list(workspace, "projects") {
					places[inside+"/"+text(project, "name")] = "project"
				}
			}
		}
	}
	for _, subject := range subjects {
		for _, permission := range permissions {
			for _, id := range slices.Sorted(maps.Keys(places)) {
				for _, attributes := range []map[string]any{nil, {"environment": "staging", "replicas": int64(2), "classification": "public", "anonymized": true}} {
					all = append(all, Decision{Subject: subject, Permission: permission, Type: places[id], ID: id, Attributes: attributes})
				}
			}
		}
	}
	return all
}

// Ask has AuthZEN answer a question. An error is no answer: the operator may not know yet.
func Ask(ctx context.Context, s *stage.Stage, question Decision) (bool, error) {
	request := map[string]any{
		"subject":  map[string]any{"type": "user", "id": question.Subject},
		"action":   map[string]any{"name": question.Permission},
		"resource": map[string]any{"type": question.Type, "id": question.ID},
		"context":  question.Attributes,
	}
	if question.Attributes == nil {
		delete(request, "context")
	}
	var answer struct{ Decision bool }
	err := stage.Call(ctx, http.DefaultClient, http.MethodPost, s.Decisions+"/access/v1/evaluation", s.DecisionKey, request, &answer)
	return answer.Decision, err
}
