package scim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

const organization = "acme"

// world is a server of SCIM before objects in memory.
type world struct {
	t       *testing.T
	server  *httptest.Server
	objects client.WithWatch
	// writes counts what was written.
	writes atomic.Int64
	// refuse answers writes in the API server's place, if it is set and says an error.
	refuse func(verb string, object client.Object) error
	header http.Header
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	w := &world{t: t, header: http.Header{}}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	write := func(verb string, object client.Object, do func() error) error {
		if w.refuse != nil {
			if err := w.refuse(verb, object); err != nil {
				return err
			}
		}
		err := do()
		if err == nil {
			w.writes.Add(1)
		}
		return err
	}
	builder := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
			return write("create", object, func() error { return c.Create(ctx, object, options...) })
		},
		Update: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.UpdateOption) error {
			return write("update", object, func() error { return c.Update(ctx, object, options...) })
		},
		Delete: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.DeleteOption) error {
			return write("delete", object, func() error { return c.Delete(ctx, object, options...) })
		},
	})
	for field, of := range map[string]func(client.Object) string{
		"metadata.name": client.Object.GetName,
	} {
		for _, kind := range []client.Object{&v1alpha1.User{}, &v1alpha1.Group{}, &v1alpha1.GroupMembership{}} {
			builder.WithIndex(kind, field, func(object client.Object) []string { return []string{of(object)} })
		}
	}
	builder.WithIndex(&v1alpha1.User{}, "spec.subject", func(o client.Object) []string { return []string{o.(*v1alpha1.User).Spec.Subject} })
	builder.WithIndex(&v1alpha1.GroupMembership{}, "spec.user", func(o client.Object) []string { return []string{o.(*v1alpha1.GroupMembership).Spec.User} })
	builder.WithIndex(&v1alpha1.GroupMembership{}, "spec.group", func(o client.Object) []string { return []string{o.(*v1alpha1.GroupMembership).Spec.Group} })
	w.objects = builder.Build()
	connect := func(string, []string) (client.Client, error) { return w.objects, nil }
	w.server = httptest.NewServer(New(Options{Connect: connect, Log: logr.Discard()}))
	t.Cleanup(w.server.Close)
	return w
}

// answered is what came back.
type answered struct {
	code   int
	header http.Header
	text   string
	body   map[string]any
}

// send sends a request as "GET Users?filter=..."; the query is escaped here.
func (w *world) send(line, body string) answered {
	w.t.Helper()
	method, path, _ := strings.Cut(line, " ")
	path, query, _ := strings.Cut(path, "?")
	values := url.Values{}
	for pair := range strings.SplitSeq(query, "&") {
		if key, value, given := strings.Cut(pair, "="); given {
			values.Set(key, value)
		}
	}
	if !strings.HasPrefix(path, "/") {
		path = prefix + organization + "/" + path
	}
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+path+"?"+values.Encode(), bytes.NewBufferString(body))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header = w.header.Clone()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	read := answered{code: response.StatusCode, header: response.Header, text: string(content)}
	if len(content) > 0 {
		if err := json.Unmarshal(content, &read.body); err != nil {
			w.t.Fatalf("%s: %q: %v", line, content, err)
		}
	}
	return read
}

// step is a request with what must come back. In it, <x> stands for the id of what the step called x made.
type step struct {
	// name is what the resource that this makes is called by later ones.
	name       string
	line, body string
	code       int
	// want is JSON, all of which must be in the answer.
	want string
}

// play sends requests in turn.
func (w *world) play(steps ...step) map[string]string {
	w.t.Helper()
	ids := map[string]string{}
	fill := func(text string) string {
		for name, id := range ids {
			text = strings.ReplaceAll(text, "<"+name+">", id)
		}
		return text
	}
	for i, s := range steps {
		got := w.send(fill(s.line), fill(s.body))
		if got.code != s.code {
			w.t.Fatalf("step %d, %s: %d, want %d: %s", i, s.line, got.code, s.code, got.text)
		}
		if s.want != "" {
			var want any
			if err := json.Unmarshal([]byte(fill(s.want)), &want); err != nil {
				w.t.Fatalf("step %d, %s: %v", i, s.want, err)
			}
			if lacking := lacks(got.body, want, ""); lacking != "" {
				w.t.Fatalf("step %d, %s: %s\nin %s", i, s.line, lacking, got.text)
			}
		}
		if s.name != "" {
			ids[s.name], _ = got.body["id"].(string)
		}
	}
	return ids
}

// lacks says what of a wanted answer is not there. Lists are compared as a whole, by what is wanted of each entry.
func lacks(got, want any, at string) string {
	switch want := want.(type) {
	case map[string]any:
		object, _ := got.(map[string]any)
		for key, value := range want {
			if found := lacks(object[key], value, at+"."+key); found != "" {
				return found
			}
		}
		return ""
	case []any:
		list, isList := got.([]any)
		if !isList || len(list) != len(want) {
			return fmt.Sprintf("%s is %v, want %v", at, got, want)
		}
		for i := range want {
			if found := lacks(list[i], want[i], fmt.Sprintf("%s[%d]", at, i)); found != "" {
				return found
			}
		}
		return ""
	}
	if !reflect.DeepEqual(got, want) {
		return fmt.Sprintf("%s is %v, want %v", at, got, want)
	}
	return ""
}

// members are those of a group, by the objects.
func (w *world) members(group string) []string {
	w.t.Helper()
	list := &v1alpha1.GroupMembershipList{}
	if err := w.objects.List(w.t.Context(), list, client.MatchingFields{"spec.group": group}); err != nil {
		w.t.Fatal(err)
	}
	members := []string{}
	for i := range list.Items {
		members = append(members, list.Items[i].Spec.User)
	}
	slices.Sort(members)
	return members
}

func (w *world) user(name string) *v1alpha1.User {
	w.t.Helper()
	object := &v1alpha1.User{}
	if err := w.objects.Get(w.t.Context(), client.ObjectKey{Namespace: organization, Name: name}, object); err != nil {
		w.t.Fatal(err)
	}
	return object
}

// quiet fails if something writes.
func (w *world) quiet(what string, do func()) {
	w.t.Helper()
	before := w.writes.Load()
	do()
	if n := w.writes.Load() - before; n != 0 {
		w.t.Errorf("%s took %d writes, want none", what, n)
	}
}
