// Package worlds is what the specs about an organization begin with, whatever cluster they run in: test/reconcile has the
// reconcilers and a fake of the API server, test/integration all of it.
package worlds

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

const (
	// Hall is the workspace of the standing assignments, and of nothing else.
	Hall = "hall"
	// Standing is the role that they give.
	Standing = "standing"
)

// Configurable are the permissions that admins of the group devs may be given or refused.
var Configurable = []string{"can_run_reports", "can_instant_login", "can_create_accounts", "can_edit_accounts"}

// World is an organization of a spec's own: a namespace, with what a spec begins with. What is in the cluster as a whole
// has the namespace's name in it, so that specs do not meet.
type World struct {
	Namespace string
	// Type is a resource type with the permissions View, Edit and Delete; Edit has the attributes color
	// (String), floor (Number) and draft (Boolean).
	Type               string
	View, Edit, Delete string
}

// In is a world in a namespace.
func In(namespace string) World {
	return World{
		Namespace: namespace, Type: namespace + ".doc",
		View: namespace + ":View", Edit: namespace + ":Edit", Delete: namespace + ":Delete",
	}
}

// Objects are the organization with the workspace prod, in it the projects vision and speech, the workspace lab, in it
// vision, the users alice, who owns it, and bob, the group devs, and the role editor, which gives View and Edit. The role
// admin gives all three.
//
// The last role of a user is protected, so that both users have a standing one, in a workspace where no spec looks:
// whatever else a spec gives them, it can take away again.
func (w World) Objects() []client.Object {
	ns := w.Namespace
	return []client.Object{
		build.ResourceType(ns).OfType(w.Type).Permits(w.View).Permits(w.Delete).
			Permits(w.Edit, build.String("color"), build.Number("floor"), build.Boolean("draft")).Permits(ns + ":Stand").Obj(),
		build.Organization(ns).OwnedBy("alice").Workspace("prod", "vision", "speech").Workspace("lab", "vision").Workspace(Hall).Obj(),
		w.User("alice"), w.User("bob"),
		build.Group(ns, "devs").Configures(Configurable...).Obj(),
		build.Role(ns, "editor").Grants(w.View, w.Edit).Obj(),
		build.Role(ns, "admin").Grants(w.View, w.Edit, w.Delete).Obj(),
		build.Role(ns, Standing).Grants(ns + ":Stand").Obj(),
		w.Standing("alice"), w.Standing("bob"),
	}
}

// Standing gives a user a role that they keep, so that no other one is their last.
func (w World) Standing(user string) *v1alpha1.RoleAssignment {
	return build.RoleAssignment(w.Namespace, Standing+"-"+user).Gives(Standing).ToUser(user).InWorkspace(Hall).Obj()
}

// User is a User whose subject is nobody else's in the cluster.
func (w World) User(name string) *v1alpha1.User {
	return build.User(w.Namespace, name).KnownAs(w.Subject(name)).Obj()
}

// Subject is what a user is known as.
func (w World) Subject(name string) string { return name + "@" + w.Namespace }

// Devs is the group's id in the store.
func (w World) Devs() string { return objectid.Group(w.Namespace, "devs") }

// At is the id in the store of a place: nothing, a workspace, a workspace and a project.
func (w World) At(path ...string) string {
	p := scope.Path{Organization: w.Namespace}
	if len(path) > 0 {
		p.Workspace = path[0]
	}
	if len(path) > 1 {
		p.Project = path[1]
	}
	return objectid.Scope(p)
}

// ObjectOf is the id in the store of an object of a type, in a project.
func (w World) ObjectOf(resourceType, id, workspace, project string) string {
	return objectid.Scope(scope.Path{Organization: w.Namespace, Workspace: workspace, Project: project, ResourceType: resourceType, ResourceID: id})
}

// Places are the names of places and objects to ask about.
var Places = []string{
	"organization", "prod", "prod/vision", "prod/speech", "lab", "lab/vision",
	"42 of the organization", "42 in prod", "42 in prod/vision", "43 in prod/vision", "42 in lab/vision",
}

// IDOf is the id in the store of one of Places.
func (w World) IDOf(place string) string {
	object := func(id, workspace, project string) string { return w.ObjectOf(w.Type, id, workspace, project) }
	return map[string]string{
		"organization":           w.At(),
		"prod":                   w.At("prod"),
		"prod/vision":            w.At("prod", "vision"),
		"prod/speech":            w.At("prod", "speech"),
		"lab":                    w.At("lab"),
		"lab/vision":             w.At("lab", "vision"),
		"42 of the organization": object("42", "", ""),
		"42 in prod":             object("42", "prod", ""),
		"42 in prod/vision":      object("42", "prod", "vision"),
		"43 in prod/vision":      object("43", "prod", "vision"),
		"42 in lab/vision":       object("42", "lab", "vision"),
	}[place]
}

// Of are those of a store's tuples that are this world's.
func (w World) Of(tuples []string) []string {
	return slices.DeleteFunc(tuples, func(line string) bool { return !strings.Contains(line, w.Namespace) })
}

// WithoutStanding are tuples without those of the standing assignments.
func WithoutStanding(tuples []string) []string {
	return slices.DeleteFunc(tuples, func(line string) bool { return strings.Contains(line, "/"+Hall) })
}

// Granted are those of tuples that grants have put into the store, those that say where an object lives included.
func Granted(tuples []string) []string {
	return slices.DeleteFunc(tuples, func(line string) bool {
		return !strings.HasPrefix(line, "resource:") && !strings.Contains(line, " grant_a ") && !strings.Contains(line, " grant_b ")
	})
}

// Windows are those of a permission in the one tuple of a grant.
func Windows(granted []string, permission string) (windows []string, err error) {
	if len(granted) == 0 {
		return nil, nil
	}
	if len(granted) > 1 {
		return nil, fmt.Errorf("more than one tuple: %v", granted)
	}
	var context struct {
		Rules map[string][]struct {
			From  string `json:"from"`
			Until string `json:"until"`
		} `json:"rules"`
	}
	_, written, _ := strings.Cut(granted[0], "{")
	if err := json.Unmarshal([]byte("{"+written), &context); err != nil {
		return nil, err
	}
	for _, rule := range context.Rules[permission] {
		windows = append(windows, rule.From+" "+rule.Until)
	}
	return windows, nil
}
