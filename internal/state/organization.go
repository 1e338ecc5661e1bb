package state

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

type organization struct {
	object  *v1alpha1.Organization
	outcome Outcome
	desired desired
	// scopes are the paths that hold in the store's tree; empty while the organization is without
	// effect. The organization itself is one of them.
	scopes set[scope.Path]
	// maximum is the longest that a temporary grant may last; 0 is no limit.
	maximum time.Duration
}

func (n *organization) effective() v1alpha1.Object { return orNil(n.object) }

func (n *organization) lastOutcome() Outcome { return n.outcome }

// organizationKeeper keeps Organizations.
type organizationKeeper struct{ plain }

func (organizationKeeper) find(t *tenant, ref kinds.Ref) node {
	return nodeAt(t.organizations, ref.Name)
}

func (organizationKeeper) each(t *tenant) iter.Seq2[kinds.Ref, node] {
	return eachClusterWide(kinds.Organization, t.organizations)
}

func (organizationKeeper) evaluate(e *evaluation) {
	for key := range e.marked[kinds.Organization] {
		e.evaluateOrganization(key.Name)
	}
}

func (organizationKeeper) set(e *evaluation, ref kinds.Ref, object v1alpha1.Object) {
	o := object.(*v1alpha1.Organization)
	ensure(e.tenant.organizations, ref.Name).object = &v1alpha1.Organization{ObjectMeta: nameAndAge(o), Spec: o.Spec}
}

func (organizationKeeper) delete(e *evaluation, ref kinds.Ref) {
	e.tenant.organizations[ref.Name].object = nil
}

// brake: a temporary grant may last less long at once.
func (organizationKeeper) brake(kept, written v1alpha1.Object) {
	k, w := kept.(*v1alpha1.Organization), written.(*v1alpha1.Organization)
	if now, was := maximumOf(w), maximumOf(k); now != 0 && (was == 0 || now < was) {
		k.Spec.TemporaryGrants = w.Spec.TemporaryGrants
	}
}

func (e *evaluation) evaluateOrganization(name string) {
	t := e.tenant
	node := t.organizations[name]
	if node == nil {
		return // a namespace without an Organization: what is in it finds that out by itself
	}
	old, oldMaximum, oldOutcome := node.scopes, node.maximum, node.outcome
	node.scopes, node.maximum = set[scope.Path]{}, 0
	now, wants := Outcome{}, desired{}
	switch {
	case node.object == nil:
		delete(t.organizations, name)
	case !t.hasNamespace(name):
		now = Outcome{Reason: v1alpha1.ReasonNamespaceNotFound, Message: fmt.Sprintf(
			"there is no namespace %s for this organization to govern: create it", name)}
	default:
		node.scopes = declared(node.object)
		node.maximum = maximumOf(node.object)
		wants.facts.Scopes = slices.SortedFunc(maps.Keys(node.scopes), scope.Path.Compare)
		for path := range node.scopes {
			if tuple, ok := tuples.Parent(path); ok {
				wants.tuples = append(wants.tuples, tuple)
			}
		}
		now = node.outcome // until it is known who administers it
	}
	e.judgesAll = true
	e.protectionOfAll = true // also where a User may lose the last role by now
	ref := kinds.Ref{Kind: kinds.Organization, Name: name}
	e.setOutcome(ref, &node.outcome, now)
	e.setDesired(ref, &node.desired, wants)

	inEffect := len(node.scopes) > 0
	if inEffect != (len(old) > 0) || !inEffect && !now.equal(oldOutcome) {
		// All that is in the namespace says whether the organization is in effect, and why not.
		for kind, k := range keepers {
			if kind != kinds.Organization {
				for ref := range k.each(t) {
					e.mark(ref)
				}
			}
		}
		return
	}
	if node.maximum != oldMaximum {
		for ref := range t.grants {
			e.mark(ref)
		}
	}
	changed := changedScopes(old, node.scopes)
	if len(changed) == 0 {
		return
	}
	for key, node := range t.assignments {
		if node.object != nil && changed.has(PathOf(name, &node.object.Scope).Container()) {
			e.mark(kinds.Named(kinds.RoleAssignment, key))
		}
	}
	for ref, node := range t.grants {
		if node.object != nil && changed.has(PathOf(name, &node.object.scope).Container()) {
			e.mark(ref)
		}
	}
}

func (t *tenant) hasNamespace(name string) bool {
	_, there := t.namespaces[name]
	return there
}

// maximumOf is the longest that a temporary grant of an organization may last. One that can't be read,
// which the schema does not let through, allows none.
func maximumOf(object *v1alpha1.Organization) time.Duration {
	written := object.Spec.TemporaryGrants.MaxDuration
	if written == nil {
		return 0
	}
	maximum, err := policy.ParseDuration(*written)
	if err != nil {
		return 1
	}
	return maximum
}

// governed says whether an organization is in effect in the namespace, and if not, why.
func (t *tenant) governed(namespace string) (*organization, *Outcome) {
	node := t.organizations[namespace]
	if node == nil || node.object == nil {
		return nil, &Outcome{Reason: v1alpha1.ReasonOrganizationNotFound, Message: fmt.Sprintf(
			"no Organization is named %s like this namespace: create it", namespace)}
	}
	if len(node.scopes) == 0 {
		return nil, &Outcome{Reason: v1alpha1.ReasonOrganizationNotFound, Message: fmt.Sprintf(
			"the Organization %s is not in effect: %s", namespace, node.outcome.Message)}
	}
	return node, nil
}

// declared are the paths that an organization declares, itself included.
func declared(object *v1alpha1.Organization) set[scope.Path] {
	paths := set[scope.Path]{}
	paths.add(scope.Path{Organization: object.Name})
	for _, workspace := range object.Spec.Workspaces {
		path := scope.Path{Organization: object.Name, Workspace: workspace.Name}
		paths.add(path)
		for _, project := range workspace.Projects {
			path.Project = project.Name
			paths.add(path)
		}
	}
	return paths
}

// PathOf is the path of a scope as it is written in a namespace.
func PathOf(namespace string, written *v1alpha1.Scope) scope.Path {
	path := scope.Path{Organization: namespace, Workspace: written.Workspace, Project: written.Project}
	if written.Resource != nil {
		path.ResourceType, path.ResourceID = written.Resource.Type, written.Resource.ID
	}
	return path
}
