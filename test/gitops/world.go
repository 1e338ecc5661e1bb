// Package gitops has what the tests of both GitOps engines need: a cluster with the operator, the rights
// of an engine, what stands in git, and what it gives.
package gitops

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"

	"github.com/bailiwick-dev/bailiwick/hack/stage"
)

const (
	// Namespace is the engine's.
	Namespace = "gitops"

	engineUser  = "system:serviceaccount:" + Namespace + ":engine"
	engineGroup = "system:serviceaccounts"

	samples      = "config/samples"
	healthChecks = "config/gitops/argocd"
	rights       = "test/gitops/rights.yaml"
)

// World is a cluster with the operator, and an engine's ServiceAccount.
type World struct {
	*stage.Stage
	// Config is the access of the engine: that of config/rbac/gitops_role.yaml, and to namespaces.
	Config *rest.Config
}

// Start starts a cluster and the operator in it. The working directory must be the top of the checkout.
// When it fails nothing is left running.
func Start(ctx context.Context) (_ *World, err error) {
	w := &World{}
	if w.Stage, err = stage.Start(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.Plane.Stop()
		}
	}()
	if err := w.Install(ctx); err != nil {
		return nil, err
	}
	if _, err := w.Kubectl(ctx, "apply", "-f", rights); err != nil {
		return nil, err
	}
	if err := w.StartOperator(ctx); err != nil {
		return nil, err
	}
	w.Config, err = w.Plane.UserConfig(engineUser, engineGroup)
	return w, err
}

// WrittenByPeople are the kinds that no engine delivers: who writes one asks, or decides, in their own name.
var WrittenByPeople = sets.New("AccessRequest", "AccessDecision")

// Samples are the objects of config/samples as kustomize renders them, which both engines use.
func (w *World) Samples(ctx context.Context) ([]*unstructured.Unstructured, error) {
	rendered, err := w.Kubectl(ctx, "kustomize", samples)
	if err != nil {
		return nil, err
	}
	return parse([]byte(rendered))
}

// Read returns the objects in a file.
func Read(path string) ([]*unstructured.Unstructured, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parse(content)
}

func parse(content []byte) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), len(content)+1); ; {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
}

// Name says which object it is, in an order that reads well.
func Name(object *unstructured.Unstructured) string {
	return object.GetKind() + " " + object.GetNamespace() + "/" + object.GetName()
}

// Version changes with every write to an object that changes it, its status included.
func Version(object *unstructured.Unstructured) string {
	return fmt.Sprintf("generation %d, resourceVersion %s", object.GetGeneration(), object.GetResourceVersion())
}

// Without returns the objects without the one of this kind and name, as a commit that removes it.
func Without(objects []*unstructured.Unstructured, kind, name string) ([]*unstructured.Unstructured, error) {
	var rest []*unstructured.Unstructured
	for _, object := range objects {
		if object.GetKind() != kind || object.GetName() != name {
			rest = append(rest, object)
		}
	}
	if len(rest) != len(objects)-1 {
		return nil, fmt.Errorf("there are %d objects of kind %s and name %s, not one", len(objects)-len(rest), kind, name)
	}
	return rest, nil
}

// Condition returns what an object's Ready condition says, for failures.
func Condition(object *unstructured.Unstructured) string {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, c := range conditions {
		if condition, ok := c.(map[string]any); ok && condition["type"] == "Ready" {
			return fmt.Sprint(condition["status"], " ", condition["reason"], ": ", condition["message"])
		}
	}
	return "no condition Ready"
}

// Question asks about a place.
type Question struct {
	Subject, Permission string
	// Type is organization, workspace or project, and ID its path.
	Type, ID string
	// Attributes are tested by conditions.
	Attributes map[string]any
}

// May asks AuthZEN.
func (w *World) May(ctx context.Context, q Question) (bool, error) {
	question := map[string]any{
		"subject":  map[string]any{"type": "user", "id": q.Subject},
		"action":   map[string]any{"name": q.Permission},
		"resource": map[string]any{"type": q.Type, "id": q.ID},
	}
	if q.Attributes != nil {
		question["context"] = q.Attributes
	}
	body, err := json.Marshal(question)
	if err != nil {
		return false, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.Decisions+"/access/v1/evaluation", bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	request.Header.Set("Authorization", "Bearer "+w.DecisionKey)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		message, err := io.ReadAll(response.Body)
		return false, errors.Join(fmt.Errorf("%s: %s", response.Status, message), err)
	}
	var answer struct {
		Decision bool `json:"decision"`
	}
	err = json.NewDecoder(response.Body).Decode(&answer)
	return answer.Decision, err
}
