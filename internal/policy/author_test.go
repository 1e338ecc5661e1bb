package policy_test

import (
	"reflect"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
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
