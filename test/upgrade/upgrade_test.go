// Package upgrade puts installations of earlier versions, as hack/snapshot.sh has kept them, under the present
// one.
package upgrade

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/bailiwick-dev/bailiwick/hack/stage"
	"github.com/bailiwick-dev/bailiwick/test/upgrade/kept"
)

// TestMain runs where the paths of the stage begin.
func TestMain(m *testing.M) {
	if err := os.Chdir(filepath.Join("..", "..")); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func TestEveryEarlierVersionIsUpgraded(t *testing.T) {
	versions, err := filepath.Glob("test/upgrade/testdata/v*")
	if err != nil || len(versions) == 0 {
		t.Fatalf("no earlier version is kept: %v", err)
	}
	for _, directory := range versions {
		t.Run(filepath.Base(directory), func(t *testing.T) { upgrade(t, directory) })
	}
}

func upgrade(t *testing.T, directory string) {
	w := NewWithT(t)
	w.SetDefaultEventuallyTimeout(stage.Patience)
	before, err := kept.Read(filepath.Join(directory, "state.json"))
	w.Expect(err).NotTo(HaveOccurred())
	allowed := slices.ContainsFunc(before.Decisions, func(d kept.Decision) bool { return d.Allowed })
	w.Expect(allowed && len(before.Objects) > 10 && len(before.Tuples) > 10).To(BeTrue(), "what was kept is an installation")

	s, err := stage.Start(t.Context())
	w.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { w.Expect(s.Stop()).To(Succeed()) })
	kubectl := func(args ...string) {
		t.Helper()
		_, err := s.Kubectl(t.Context(), args...)
		w.Expect(err).NotTo(HaveOccurred())
	}

	// The cluster and the store's file, as the earlier version has left them.
	kubectl("apply", "--server-side", "-f", filepath.Join(directory, "crds"))
	kubectl("wait", "crd", "--all", "--for=condition=Established", stage.WaitArgument)
	for _, object := range before.Objects {
		restore(t, w, kubectl, object)
	}
	rename(before.Objects)
	file, err := os.ReadFile(filepath.Join(directory, "store.db"))
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(os.WriteFile(s.StorePath(), file, 0o600)).To(Succeed())

	// While the operator starts it may be silent, and says nothing that is wrong.
	answered, end := listen(t, s, before.Decisions)
	defer end()
	w.Expect(s.Install(t.Context())).To(Succeed())
	w.Expect(s.StartOperator(t.Context())).To(Succeed())

	var after kept.State
	w.Eventually(func() error {
		if after, err = kept.Take(t.Context(), s); err != nil {
			return err
		}
		return lost(before, after)
	}).Should(Succeed())
	w.Expect(said(t, after.Tuples)).To(Equal(said(t, before.Tuples)))
	w.Expect(after.Decisions).To(Equal(before.Decisions))
	w.Eventually(answered.Load).Should(BeNumerically(">", 10))
	end()

	// What came along is no dead letter: it can be ended.
	ended := kept.Decision{Subject: "carol@acme.example", Permission: "App:View", Type: "project", ID: "acme/prod/speech"}
	w.Expect(kept.Ask(t.Context(), s, ended)).To(BeTrue())
	kubectl("create", "-f", write(t, w, map[string]any{
		"apiVersion": "authz.bailiwick.dev/v1alpha1", "kind": "RoleAssignment",
		"metadata": map[string]any{"name": "carol-stays", "namespace": "acme"},
		"spec": map[string]any{
			"roleRef": map[string]any{"name": "viewer"}, "subject": map[string]any{"user": "carol"},
			"scope": map[string]any{"workspace": "research", "project": "grasping"},
		},
	}))
	kubectl("wait", "roleassignment/carol-stays", "-n", "acme", "--for=condition=Ready", stage.WaitArgument)
	kubectl("delete", "roleassignment", "carol-viewer-prod", "-n", "acme", stage.WaitArgument)
	w.Eventually(func() (bool, error) { return kept.Ask(t.Context(), s, ended) }).Should(BeFalse())
}

// restore makes an object as it was, with its status.
func restore(t *testing.T, w *WithT, kubectl func(...string), object map[string]any) {
	t.Helper()
	metadata := object["metadata"].(map[string]any)
	name := metadata["name"].(string)
	resource := strings.ToLower(object["kind"].(string)) + ".authz.bailiwick.dev"
	where := []string{}
	switch namespace, ok := metadata["namespace"].(string); {
	case ok:
		where = append(where, "-n", namespace)
	case object["kind"] == "Organization":
		kubectl("create", "namespace", name)
	}
	kubectl("create", "-f", write(t, w, object))
	// The API server insists on what was not kept of conditions.
	conditions, _, err := unstructured.NestedSlice(object, "status", "conditions")
	w.Expect(err).NotTo(HaveOccurred())
	for _, condition := range conditions {
		maps.Copy(condition.(map[string]any), map[string]any{"message": "", "lastTransitionTime": "2026-11-22T00:00:00Z"})
	}
	status := runtime.DeepCopyJSON(object["status"].(map[string]any))
	status["conditions"] = conditions
	patch, err := json.Marshal(map[string]any{"status": status})
	w.Expect(err).NotTo(HaveOccurred())
	kubectl(append(where, "patch", resource, name, "--subresource=status", "--type=merge", "--patch="+string(patch))...)
}

func write(t *testing.T, w *WithT, object map[string]any) string {
	t.Helper()
	encoded, err := json.Marshal(object)
	w.Expect(err).NotTo(HaveOccurred())
	path := filepath.Join(t.TempDir(), "object.json")
	w.Expect(os.WriteFile(path, encoded, 0o600)).To(Succeed())
	return path
}

// rename gives fields of statuses the names that they have now.
func rename(objects []map[string]any) {
	for _, object := range objects {
		status, _ := object["status"].(map[string]any)
		if children, there := status["heirs"]; there {
			delete(status, "heirs")
			status["children"] = children
		}
	}
}

// place matches the name under which a tuple stands, of which a change takes another one.
var place = regexp.MustCompile(`#slot_[0-7]|\bgrant_[ab]\b`)

// said is what tuples say, whatever version has encoded it: whom they are about, the permissions that they give
// always, and those that they give under conditions, with the windows. What the conditions are, decisions tell.
func said(t *testing.T, tuples []string) (lines []string) {
	t.Helper()
	for _, tuple := range tuples {
		key, encoded, conditional := strings.Cut(tuple, " {")
		line := place.ReplaceAllString(key, "*")
		if conditional {
			var context struct {
				Permissions map[string]any `json:"permissions"`
				Rules       map[string][]struct {
					From  string `json:"from"`
					Until string `json:"until"`
				} `json:"rules"`
			}
			if err := json.Unmarshal([]byte("{"+encoded), &context); err != nil {
				t.Fatalf("reading the context of %s: %v", key, err)
			}
			line = fmt.Sprint(line, context)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

// lost is what the one has and the other has not. That there is more is no fault: a new version says more.
func lost(before, after kept.State) error {
	id := func(object map[string]any) string {
		metadata := object["metadata"].(map[string]any)
		return fmt.Sprint(object["kind"], " ", metadata["namespace"], "/", metadata["name"])
	}
	found := map[string]map[string]any{}
	for _, object := range after.Objects {
		found[id(object)] = object
	}
	for _, object := range before.Objects {
		if path := missing(object, found[id(object)]); path != "" {
			return fmt.Errorf("%s: %s was %v and is not any more", id(object), path, object)
		}
	}
	if len(after.Objects) != len(before.Objects) {
		return fmt.Errorf("there were %d objects, and are %d", len(before.Objects), len(after.Objects))
	}
	return nil
}

// missing is the first field of a value that another one has not, or has otherwise.
func missing(was, is any) string {
	fields, ok := was.(map[string]any)
	if !ok {
		list, isList := was.([]any)
		other, sameKind := is.([]any)
		if !isList || !sameKind || len(list) != len(other) {
			if equality.Semantic.DeepEqual(was, is) {
				return ""
			}
			return " "
		}
		for n := range list {
			if path := missing(list[n], other[n]); path != "" {
				return fmt.Sprintf("[%d]%s", n, path)
			}
		}
		return ""
	}
	other, _ := is.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if path := missing(fields[name], other[name]); path != "" {
			return "." + name + path
		}
	}
	return ""
}

// listen asks without pause, from before the operator is there, and fails the test with an answer that is
// another one than before, until the returned function is called. It counts the answers.
func listen(t *testing.T, s *stage.Stage, decisions []kept.Decision) (answered *atomic.Int64, end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	answered = &atomic.Int64{}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for n := 0; ctx.Err() == nil; n++ {
			question := decisions[n%len(decisions)]
			allowed, err := kept.Ask(ctx, s, question)
			switch {
			case err != nil:
				select {
				case <-ctx.Done():
				case <-time.After(5 * time.Millisecond): // nobody answers yet
				}
			case allowed != question.Allowed:
				t.Errorf("meanwhile %+v was answered with %t", question, allowed)
				fallthrough
			default:
				answered.Add(1)
			}
		}
	}()
	return answered, func() {
		cancel()
		<-ended
	}
}
