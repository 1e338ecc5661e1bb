package query_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/query"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/test/build"
	"github.com/bailiwick-dev/bailiwick/test/seeds"
)

func TestHoldingsNamePlaceWayConditionsAndTime(t *testing.T) {
	assignment := build.RoleAssignment("acme", "devs-editor").Gives("editor").ToGroup("devs").InWorkspace("prod").Obj()
	assignment.CreationTimestamp = metav1.NewTime(noon.Add(-time.Hour))
	grant := build.TemporaryPermissionGrant("acme", "night").ToUser("alice").Grants("Delete").From(noon.Add(-time.Minute)).Until(noon.Add(time.Hour)).Obj()
	w := worldOf(embedded(with(assignment, grant)))
	got := w.Holdings("alice")
	if len(got) != 3 {
		t.Fatalf("got %+v", got)
	}
	deletes, edits, views := got[0], got[1], got[2]
	if deletes.Permission != "Delete" || deletes.Until == nil || !deletes.Until.Time.Equal(noon.Add(time.Hour)) || !deletes.Since.Time.Equal(noon.Add(-time.Minute)) {
		t.Errorf("the temporary grant: %+v", deletes)
	}
	if edits.Permission != "Edit" || edits.At != "acme/prod" || len(edits.Conditions) != 1 || edits.Conditions[0].String() != "color Equals red" {
		t.Errorf("the entry with a condition: %+v", edits)
	}
	via := []query.Object{{Kind: "RoleAssignment", Name: "devs-editor"}, {Kind: "Role", Name: "editor"}, {Kind: "GroupMembership", Name: "alice-devs"}}
	if views.Permission != "View" || !slices.Equal(views.Via, via) || !views.Since.Time.Equal(noon.Add(-time.Hour)) || views.Until != nil || !views.Confirmed {
		t.Errorf("through the group: %+v", views)
	}
	if got := w.Holdings("bob"); len(got) != 0 {
		t.Errorf("bob holds %+v", got)
	}
	alice := build.User("acme", "alice").KnownAs("alice@acme").Suspended().Obj()
	w = worldOf(embedded(with(assignment, alice)))
	if got := w.Holdings("alice"); len(got) != 0 || !slices.Equal(w.Suspended(), []string{"alice"}) {
		t.Errorf("suspended, alice holds %+v; suspended are %v", got, w.Suspended())
	}
}

// The review and single answers are computed in two ways, and must say the same of every user, permission and place.
func TestAReviewAgreesWithSingleAnswers(t *testing.T) {
	places := []scope.Path{acme, prod, vision, {Organization: "acme", Workspace: "lab"}, {Organization: "acme", Workspace: "prod", ResourceType: "doc", ResourceID: "1"}}
	for seed := range seeds.Of(t, 200) {
		random := rand.New(rand.NewPCG(seed, 1))
		objects := with(randomObjects(random)...)
		w := worldOf(embedded(objects))
		reviewed := map[string][]query.Holding{}
		for holding := range w.Review() {
			reviewed[holding.User] = append(reviewed[holding.User], holding)
		}
		for _, user := range []string{"alice", "bob"} {
			for _, permission := range []string{"View", "Edit", "Delete"} {
				for _, at := range places {
					for _, attributes := range []map[string]any{nil, {"color": "red"}, {"color": "blue"}} {
						answer := w.Ask(query.Question{User: user, Permission: permission, At: at, Attributes: attributes})
						got := slices.ContainsFunc(reviewed[user], func(holding query.Holding) bool {
							return holding.Permission == permission && covers(holding.At, at) &&
								!slices.ContainsFunc(holding.Conditions, func(c query.Condition) bool {
									return c.Attribute != "color" || attributes["color"] == nil || !slices.Contains(c.Values, attributes["color"].(string))
								})
						})
						if got != (answer.Verdict == query.Yes) {
							t.Fatalf("seed %d: %s %s at %s with %v: the review says %t, the answer %+v", seed, user, permission, at, attributes, got, answer)
						}
					}
				}
			}
		}
	}
}

func covers(at string, below scope.Path) bool {
	for path, ok := below, true; ok; path, ok = path.Parent() {
		if path.String() == at {
			return true
		}
	}
	return false
}

// randomObjects give, take part in groups, end and are in the wrong place.
func randomObjects(random *rand.Rand) (objects []v1alpha1.Object) {
	pick := func(names ...string) string { return names[random.IntN(len(names))] }
	for n := range random.IntN(6) {
		name := string(rune('a' + n))
		switch random.IntN(4) {
		case 0:
			assignment := build.RoleAssignment("acme", name).Gives(pick("editor", "missing"))
			if random.IntN(2) == 0 {
				assignment = assignment.ToGroup("devs")
			} else {
				assignment = assignment.ToUser(pick("alice", "bob"))
			}
			if random.IntN(2) == 0 {
				assignment = assignment.InWorkspace(pick("prod", "lab", "nowhere"))
			}
			objects = append(objects, assignment.Obj())
		case 1:
			objects = append(objects, build.PermissionGrant("acme", name).ToUser(pick("alice", "bob")).Grants(pick("View", "Delete", "None")).InProject("prod", "vision").Obj())
		case 2:
			start := noon.Add(time.Duration(random.IntN(5)-3) * time.Hour)
			objects = append(objects, build.TemporaryPermissionGrant("acme", name).ToUser(pick("alice", "bob")).Grants("Delete").From(start).Until(start.Add(2*time.Hour)).Obj())
		default:
			objects = append(objects, build.GroupMembership("acme", name, "bob", "devs").Obj())
		}
	}
	return objects
}

func TestTheTreeShowsWhatIsHeldWhereAndWhatIsNotInForce(t *testing.T) {
	w := worldOf(embedded(with(
		build.RoleAssignment("acme", "bob-editor").Gives("editor").ToUser("bob").InProject("prod", "vision").Obj(),
		build.RoleAssignment("acme", "bob-nowhere").Gives("editor").ToUser("bob").InWorkspace("nowhere").Obj(),
	)))
	root := w.Tree()
	names := func(place *query.Place) (names []string) {
		for _, below := range place.Below {
			names = append(names, below.At)
		}
		return names
	}
	if got, want := names(root), []string{"acme/lab", "acme/nowhere", "acme/prod"}; root.At != "acme" || !slices.Equal(got, want) {
		t.Fatalf("below %s are %v, want %v", root.At, got, want)
	}
	project := root.Below[2].Below[0]
	want := query.Holder{Subject: query.Object{Kind: "User", Name: "bob"}, Role: "editor", By: query.Object{Kind: "RoleAssignment", Name: "bob-editor"}, InForce: true}
	if project.At != "acme/prod/vision" || len(project.Held) != 1 || !equalHolder(project.Held[0], want) {
		t.Errorf("at %s are held %+v", project.At, project.Held)
	}
	nowhere := root.Below[1].Held
	if len(nowhere) != 1 || nowhere[0].InForce || nowhere[0].Reason == "" {
		t.Errorf("at a place that is not declared: %+v", nowhere)
	}
}

func equalHolder(a, b query.Holder) bool {
	return a.Subject == b.Subject && a.Role == b.Role && a.By == b.By && a.InForce == b.InForce && a.Reason == b.Reason && a.Until == nil && b.Until == nil
}

func TestRolesAreListedWithWhatTheyInherit(t *testing.T) {
	w := worldOf(embedded(with(build.Role("acme", "lead").Inherits("editor").Grants("Delete").Obj())))
	roles := w.Roles()
	if len(roles) != 2 || roles[0].Role != "editor" || roles[1].Role != "lead" || !slices.Equal(roles[1].Inherits, []string{"editor"}) || !roles[1].Ready {
		t.Errorf("got %+v", roles)
	}
}
