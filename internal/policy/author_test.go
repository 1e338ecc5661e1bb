package policy_test

import (
	"bytes"
	"reflect"
	"testing"
	"unicode"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/config/webhook"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

func TestAStampSaysWhatWasWritten(t *testing.T) {
	held := v1alpha1.Held{Spec: &runtime.RawExtension{Raw: []byte(`{"user":"<a>"}`)}}
	for _, author := range []policy.Author{
		*policy.Unstamped(), {Username: "alice"}, {Username: "alice", Verb: "bind"}, {Username: `a"b\c<d>&`, Subject: `a"b`, Verb: "bind", Generation: 3},
		{Username: "oidc:alice", Subject: "alice", Generation: 1, Before: &policy.Before{Generation: 2, Held: held}, User: &policy.MeantUser{UID: "u", Subject: "s"}, Group: "g"},
	} {
		stamp, err := author.Stamp()
		if err != nil {
			t.Fatal(err)
		}
		if read := policy.AuthorOf(map[string]string{v1alpha1.AnnotationAuthor: stamp}); !reflect.DeepEqual(read, &author) {
			t.Errorf("%s is read as %+v", stamp, read)
		}
	}
	if read := policy.AuthorOf(nil); read != nil {
		t.Errorf("no stamp is read as %+v", read)
	}
}

// The API server compares the beginning of a stamp, so nothing behind that may say another name, or a verb.
func TestAStampThatSaysTwoThingsIsNobodys(t *testing.T) {
	for _, stamp := range []string{
		"alice", "{}", `{"username":"","verb":"bind"}`, `{"verb":"any"}`, `{"username":"alice","username":"","verb":"any"}`, `{"username":""}`, `{"username":7}`, `["alice"]`, `{"username":"alice"} `, `{ "username":"alice"}`, `{"username":"alice" }`,
		`{"username":"alice","username":"root"}`, `{"username":"alice","Username":"root"}`, `{"username":"alice","verb":"","verb":"bind"}`,
		`{"username":"alice","generation":1,"verb":"bind"}`, `{"username":"alice","VERB":"bind"}`, `{"username":"alice","verb":"bind","verb":"escalate"}`,
		`{"username":"alice","user":{"uid":"u","subject":"s"},"subject":"root"}`, `{"username":"alice","subject":"alice","subject":"root"}`,
		`{"username":"alic\u0065"}`, `{"subject":"alice","username":"alice"}`,
	} {
		if read := policy.AuthorOf(map[string]string{v1alpha1.AnnotationAuthor: stamp}); !reflect.DeepEqual(read, &policy.Author{}) {
			t.Errorf("%s is read as %+v", stamp, read)
		}
	}
}

// The API server says who writes an object, and quotes their name by itself: whatever is in it, it has to come out as we write it.
func TestTheAPIServerQuotesNamesAsStampsDo(t *testing.T) {
	accepts := acceptedStamps(t)
	names := []string{"alice", `a"b\c<d>&`, "Ünïcode 🙂", "a\u2028b\u2029c", `\u2028`, "\ufffd"}
	for r := range rune(0x2100) {
		names = append(names, "a"+string(r)+"b")
	}
	for _, name := range names {
		if !policy.CanBeAuthor(name) {
			continue
		}
		stamp, err := (&policy.Author{Username: name, Subject: name, Generation: 1}).Stamp()
		if err != nil {
			t.Fatal(err)
		}
		if !accepts(name, stamp) {
			t.Errorf("the policy bailiwick-authors refuses %q its own stamp %s", name, stamp)
		}
		if accepts(name+"x", stamp) {
			t.Errorf("the policy bailiwick-authors lets another one write %s", stamp)
		}
	}
}

func TestAnAuthorsNameHasNoControlCharacters(t *testing.T) {
	for r := range rune(0x2100) {
		if got := policy.CanBeAuthor("a" + string(r)); got == unicode.IsControl(r) {
			t.Errorf("%q can be in an author's name: %t", r, got)
		}
	}
}

// acceptedStamps says whether the policy bailiwick-authors lets who lacks the verb write a stamp.
func acceptedStamps(t *testing.T) func(username, stamp string) bool {
	t.Helper()
	var installed admissionregistrationv1.ValidatingAdmissionPolicy
	for _, manifest := range webhook.Policies() {
		if err := yaml.NewYAMLToJSONDecoder(bytes.NewReader(manifest)).Decode(&installed); err != nil {
			t.Fatal(err)
		}
		if installed.Name == "bailiwick-authors" {
			break
		}
	}
	env, err := cel.NewEnv(ext.Strings(), cel.Variable("request", cel.DynType), cel.Variable("variables", cel.DynType))
	if err != nil {
		t.Fatal(err)
	}
	expression := installed.Spec.Validations[1].Expression
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		t.Fatal(issues.Err())
	}
	program, err := env.Program(ast)
	if err != nil {
		t.Fatal(err)
	}
	return func(username, stamp string) bool {
		result, _, err := program.Eval(map[string]any{
			"request":   map[string]any{"userInfo": map[string]any{"username": username}},
			"variables": map[string]any{"stamp": stamp, "verb": false},
		})
		if err != nil {
			t.Fatalf("%q: %s: %v", username, expression, err)
		}
		return result.Value() == true
	}
}
