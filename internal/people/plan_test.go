package people

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// cluster is the objects of an organization.
type cluster map[kinds.Ref]v1alpha1.Object

func newCluster(objects ...v1alpha1.Object) cluster {
	c := cluster{}
	for _, object := range objects {
		c[kinds.RefOf(object)] = object
	}
	return c
}

func (c cluster) existing() (e Existing) {
	for _, ref := range slices.SortedFunc(maps.Keys(c), kinds.Ref.Compare) {
		switch o := c[ref].(type) {
		case *v1alpha1.User:
			e.Users = append(e.Users, o)
		case *v1alpha1.Group:
			e.Groups = append(e.Groups, o)
		case *v1alpha1.GroupMembership:
			e.Memberships = append(e.Memberships, o)
		}
	}
	return e
}

// apply carries a plan out, and says what it did. It fails where the API server would.
func (c cluster) apply(t *testing.T, plan *Plan) (did []string) {
	t.Helper()
	for _, phase := range plan.Phases {
		for _, change := range phase {
			ref := kinds.RefOf(change.Object)
			if _, exists := c[ref]; exists == (change.Action == Create) {
				t.Errorf("%v is to be %s, and exists: %t", ref, change.Action, exists)
			}
			did = append(did, ref.Kind+" "+ref.Name+" "+string(change.Action))
			if c[ref] = change.Object; change.Action == Delete {
				delete(c, ref)
			}
		}
	}
	return did
}

func (c cluster) plan(csv string, prune bool) (*Plan, error) {
	list, err := Read("people.csv", []byte(csv))
	if err == nil {
		list, err = Merge(list)
	}
	if err != nil {
		return nil, err
	}
	return NewPlan("acme", list, c.existing(), prune)
}

func (c cluster) imports(t *testing.T, csv string, prune bool, want ...string) {
	t.Helper()
	plan, err := c.plan(csv, prune)
	if err != nil {
		t.Fatalf("%q: %v", csv, err)
	}
	if did := c.apply(t, plan); !slices.Equal(did, want) {
		t.Errorf("%q:\n did %q\nwant %q", csv, did, want)
	}
	again, err := c.plan(csv, prune)
	if err != nil || len(again.Phases) > 0 {
		t.Errorf("%q: a second import writes %+v, %v", csv, again, err)
	}
}

func (c cluster) refuses(t *testing.T, csv, want string) {
	t.Helper()
	if plan, err := c.plan(csv, true); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%q: %+v, %v; want %q", csv, plan, err, want)
	}
}

func TestAnImportWritesWhatDiffers(t *testing.T) { // [P4]
	c := newCluster()
	c.imports(t, "subject,displayName,groups\nalice,Alice,team\nBob@acme.example,Bob,team;The Others\n", false,
		"Group team created", "Group the-others-4ffa1a3007 created",
		"User alice created", "User bob-acme-example-d835b3338e created",
		"GroupMembership team.alice.8b8fafbf56 created", "GroupMembership team.bob-acme-example-d835b3338e.1cec9207f1 created",
		"GroupMembership the-others-4ffa1a3007.bob-acme-example-d835b3338e.4fa75289df created")
	c.imports(t, "subject,displayName,suspended\nalice,Alice A.,true\n", false, "User alice changed")
	if alice := c[kinds.Ref{Kind: kinds.User, Namespace: "acme", Name: "alice"}].(*v1alpha1.User); alice.Spec.DisplayName != "Alice A." || !alice.Spec.Suspended {
		t.Errorf("%+v", alice.Spec)
	}
	c.imports(t, "subject,suspended\nalice,\n", false) // nothing said, nothing changed
	plan, err := c.plan("subject,groups\nalice,team\n", false)
	if err != nil || plan.Unchanged != 3 {
		t.Errorf("%+v, %v", plan, err)
	}
}

func TestPruneDeletesWhatImportMadeOnly(t *testing.T) { // [P2]
	theirs := build.User("acme", "dora").KnownAs("dora").Obj()
	crew := build.Group("acme", "crew").Obj()
	theirMembership := build.GroupMembership("acme", "alice-crew", "alice", "crew").Obj()
	c := newCluster(theirs, crew, theirMembership)
	everybody := "subject,groups\nalice,team;crew\nbob,team;night\ndora,crew\n"
	plan, err := c.plan(everybody, false)
	if err != nil {
		t.Fatal(err)
	}
	c.apply(t, plan)
	c.imports(t, "subject,groups\nalice,team\n", false) // without prune nothing goes
	c.imports(t, "subject\nalice\nbob\ndora\n", true)   // nor where the list does not say groups
	c.imports(t, "subject,groups\nalice,team\n", true,
		"GroupMembership crew.dora.d2152e909b deleted", "GroupMembership night.bob.9e3cd7641b deleted", "GroupMembership team.bob.7151eed92f deleted",
		"User bob deleted", "Group night deleted")
	for _, object := range []v1alpha1.Object{theirs, crew, theirMembership} {
		if _, there := c[kinds.RefOf(object)]; !there {
			t.Errorf("%v is gone", kinds.RefOf(object))
		}
	}
}

func TestWhatImportDidNotMakeIsRefusedAndNamed(t *testing.T) { // [P2]
	alice := build.User("acme", "alice").KnownAs("alice@acme.example").Titled("Alice").Obj()
	going := build.User("acme", "going").KnownAs("going").Obj()
	going.DeletionTimestamp = &metav1.Time{Time: time.Unix(0, 0)}
	leaving := build.Group("acme", "leaving").Obj()
	leaving.DeletionTimestamp = going.DeletionTimestamp
	ended := build.GroupMembership("acme", "ended", "alice", "one").Obj()
	ended.DeletionTimestamp = going.DeletionTimestamp
	c := newCluster(alice, going, leaving, ended, build.Group("acme", "one").Titled("Twins").Obj(), build.Group("acme", "two").Titled("Twins").Obj())
	c.imports(t, "subject,displayName\nalice@acme.example,Alice\n", true) // the same, so no reason to refuse
	for csv, want := range map[string]string{
		"subject,displayName\nalice@acme.example,Anna\n": "people.csv, line 2: User alice differs, and import did not make it",
		"subject,suspended\nalice@acme.example,true\n":   "hand it over by its label authz.bailiwick.dev/managed-by=import",
		"subject,name\nalice@acme.example,anna\n":        "belongs to User alice",
		"subject,name\nanna@acme.example,alice\n":        "User alice has another subject",
		"subject,name\nanna,Anna\n":                      "lower-case letters",
		"subject\ngoing\n":                               "User going is being deleted",
		"subject,groups\nx,leaving\n":                    "Group leaving is being deleted",
		"subject,groups\nalice@acme.example,one\n":       "GroupMembership ended is being deleted",
		"subject,groups\nx,Twins\n":                      "the Groups one and two",
	} {
		c.refuses(t, csv, want)
	}
	c.refuses(t, "subject\ngoing\nx\n", "line 2") // nothing of the others is planned
	c.imports(t, "subject,groups\nalice@acme.example,two\n", false, "GroupMembership two.alice.f48cf1f016 created")
}

func TestManifestsAreNobodysYet(t *testing.T) {
	list, err := Read("people.csv", []byte("subject,groups\nalice,team\n"))
	if err != nil {
		t.Fatal(err)
	}
	objects, err := Manifests("acme", list)
	if err != nil || len(objects) != 3 {
		t.Fatalf("%v, %v", objects, err)
	}
	for _, object := range objects {
		if len(object.GetLabels()) > 0 || object.GetNamespace() != "acme" {
			t.Errorf("%+v", object)
		}
	}
}
