package main

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/hack/stage"
	"github.com/bailiwick-dev/bailiwick/internal/operator"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// How large what is attacked with is, in a run of any size.
const (
	// emptyChildren inherit from a role that is empty, conditionedChildren from one of so many entries of one permission with
	// conditions, and chained roles each from the one before.
	emptyChildren, conditionedChildren, conditionedEntries, chained = 300, 100, 200, 256
	// sameSubject are the Users of one subject, rolesOfOne the roles of one User, each at a project of its own.
	sameSubject, rolesOfOne = 800, 1000
)

// Who attacks. mallory may edit roles, and holds nothing; the administrator is bound to bailiwick-organization-admin.
const (
	mallory       = "mallory@globex.example"
	administrator = "administrator@globex.example"
)

// attackers are clients of these two. The API server's priority and fairness holds for them, as for every tenant, where a
// cluster administrator is exempt.
type attackers struct{ mallory, administrator client.Client }

// attack is what an organization does within the limits.
type attack struct {
	name string
	// write is number n of 20 a second or, with atOnce, of as many as an organization can send; nil for quiet.
	write  func(ctx context.Context, n int) error
	atOnce bool
	// isControl means that the objects are none of Bailiwick's: what these take is the API server's.
	isControl bool
	// control is the name of the control whose writes are most like these.
	control string
	// settled says whether all that the writes caused is over.
	settled func(ctx context.Context) (bool, error)
}

// The names of the controls.
const (
	besideConfigMap    = "beside edits of a ConfigMap"
	besideForeignRoles = "beside edits of a custom resource with as many entries that is none of Bailiwick's"
	besideConfigMaps   = "beside as many ConfigMaps, made and deleted at once"
)

// prepareAttacks makes the organizations that attack, each with its objects, and returns when these are ready.
func (b *bench) prepareAttacks(ctx context.Context) ([]attack, error) {
	var as attackers
	for name, c := range map[string]*client.Client{mallory: &as.mallory, administrator: &as.administrator} {
		config, err := b.Plane.UserConfig(name)
		if err != nil {
			return nil, fmt.Errorf("making a user: %w", err)
		}
		config.QPS = -1 // no limit of its own
		if *c, err = client.New(config, client.Options{Scheme: operator.Scheme()}); err != nil {
			return nil, fmt.Errorf("making a client: %w", err)
		}
	}
	if err := b.create(ctx, build.ResourceType("paper").OfType("paper").Permits(read, build.String("color")).Obj()); err != nil {
		return nil, err
	}
	var attacks []attack
	for _, prepare := range []func(context.Context, attackers) (attack, error){
		b.editsOfConfigMaps, b.refusedEdits, b.editsOfForeignRoles, b.editsOfConditions, b.editsOfChain, b.suspensions, b.configMapsAtOnce, b.usersAtOnce,
	} {
		a, err := prepare(ctx, as)
		if err != nil {
			return nil, err
		}
		attacks = append(attacks, a)
	}
	return attacks, nil
}

// read is a permission with conditions.
const read = "paper:Read"

// refusedEdits are dry runs of somebody who does not hold what they give, and edits of who may, of a role with many children.
func (b *bench) refusedEdits(ctx context.Context, as attackers) (attack, error) {
	const name = "children"
	objects := []client.Object{build.Role(name, "root").Grants(view).Obj()}
	for n := range emptyChildren {
		objects = append(objects, build.Role(name, fmt.Sprint("child-", n)).Inherits("root").Obj())
	}
	return b.attackOf(ctx, build.Organization(name).Obj(), objects, attack{
		name:    fmt.Sprintf("beside edits of a role with %d children, half of them refused", emptyChildren),
		control: besideConfigMap,
		write: func(ctx context.Context, n int) error {
			if n%2 == 0 {
				err := as.mallory.Patch(ctx, build.Role(name, "root").Obj(), rolePatch(entriesOf([]string{added})), client.DryRunAll)
				if !apierrors.IsForbidden(err) {
					return fmt.Errorf("an edit that gives what its author does not hold: %w", errors.Join(errors.New("it is not refused"), err))
				}
				return nil
			}
			return as.administrator.Patch(ctx, build.Role(name, "root").Obj(), rolePatch(entriesOf([]string{[]string{view, edit}[n/2%2]})))
		},
	})
}

// editsOfConditions are of a role with many entries of one permission, and with children.
func (b *bench) editsOfConditions(ctx context.Context, as attackers) (attack, error) {
	const name = "conditions"
	objects := []client.Object{conditioned(name, 0)}
	for n := range conditionedChildren {
		objects = append(objects, build.Role(name, fmt.Sprint("child-", n)).Inherits("root").Obj())
	}
	return b.attackOf(ctx, build.Organization(name).Obj(), objects, attack{
		name:    fmt.Sprintf("beside edits of a role with %d entries of one permission and %d children", conditionedEntries, conditionedChildren),
		control: besideForeignRoles,
		write: func(ctx context.Context, n int) error {
			return as.administrator.Patch(ctx, conditioned(name, n%2), client.MergeFrom(build.Role(name, "root").Obj()))
		},
	})
}

// conditioned is a role with many entries of one permission.
func conditioned(namespace string, from int) *v1alpha1.Role {
	role := build.Role(namespace, "root")
	for n := range conditionedEntries {
		role.GrantsIf(read, build.Equals("color", fmt.Sprint(from+n)))
	}
	return role.Obj()
}

// foreignGroup is the group of a kind that is Role in all but its rules, and that nobody watches.
const foreignGroup = "control.example"

// editsOfForeignRoles are as many as of a role with many entries, of a custom resource of the same schema that is none of
// Bailiwick's: no rules, no webhooks, no operator.
func (b *bench) editsOfForeignRoles(ctx context.Context, as attackers) (attack, error) {
	const name = "foreign"
	foreign := func(from int) *unstructured.Unstructured {
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(conditioned(name, from))
		if err != nil {
			panic(err) // a Role is an object
		}
		role := &unstructured.Unstructured{Object: map[string]any{"spec": content["spec"]}}
		role.SetGroupVersionKind(schema.GroupVersionKind{Group: foreignGroup, Version: v1alpha1.GroupVersion.Version, Kind: "Role"})
		role.SetNamespace(name)
		role.SetName("root")
		return role
	}
	if err := b.defineForeignRoles(ctx); err != nil {
		return attack{}, err
	}
	return b.attackOf(ctx, build.Organization(name).Obj(), []client.Object{foreign(0)}, attack{
		name: besideForeignRoles, isControl: true,
		write: func(ctx context.Context, n int) error {
			return as.administrator.Patch(ctx, foreign(n%2), client.Merge)
		},
	})
}

// defineForeignRoles makes a definition of that of Role.
func (b *bench) defineForeignRoles(ctx context.Context) error {
	definition := &unstructured.Unstructured{}
	definition.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	if err := b.client.Get(ctx, client.ObjectKey{Name: "roles." + v1alpha1.GroupVersion.Group}, definition); err != nil {
		return fmt.Errorf("reading the definition of Role: %w", err)
	}
	spec := definition.Object["spec"].(map[string]any)
	spec["group"] = foreignGroup
	removeRules(spec)
	definition.Object = map[string]any{"apiVersion": definition.GetAPIVersion(), "kind": definition.GetKind(), "spec": spec}
	definition.SetName("roles." + foreignGroup)
	if err := b.create(ctx, definition); err != nil {
		return err
	}
	_, err := b.Kubectl(ctx, "wait", "crd", definition.GetName(), "--for=condition=Established", stage.WaitArgument)
	return err
}

// removeRules takes the rules out of a schema.
func removeRules(value any) {
	switch value := value.(type) {
	case map[string]any:
		delete(value, "x-kubernetes-validations")
		for _, of := range value {
			removeRules(of)
		}
	case []any:
		for _, of := range value {
			removeRules(of)
		}
	}
}

// editsOfChain are of a role from which others inherit, each from the one before.
func (b *bench) editsOfChain(ctx context.Context, as attackers) (attack, error) {
	const name = "chain"
	roleNamed := func(n int) *build.RoleBuilder { return build.Role(name, fmt.Sprint("role-", n)) }
	objects := []client.Object{roleNamed(0).Grants(view).Obj()}
	for n := range chained - 1 {
		objects = append(objects, roleNamed(n+1).Grants(stand).Inherits(fmt.Sprint("role-", n)).Obj())
	}
	return b.attackOf(ctx, build.Organization(name).Obj(), objects, attack{
		name:    fmt.Sprintf("beside edits of the first of %d roles in a chain", chained),
		control: besideConfigMap,
		write: func(ctx context.Context, n int) error {
			return as.administrator.Patch(ctx, roleNamed(0).Obj(), rolePatch(entriesOf([]string{[]string{view, edit}[n%2]})))
		},
	})
}

// suspensions are of a User with many roles, each of which is a tuple and a status, and reinstatements.
func (b *bench) suspensions(ctx context.Context, as attackers) (attack, error) {
	const name = "suspensions"
	organization := build.Organization(name).WarnsOfLastRoles()
	objects := []client.Object{build.User(name, "one").KnownAs("one@globex.example").Obj(), build.Role(name, "viewer").Grants(view).Obj()}
	for n := range rolesOfOne {
		workspace, project := projectOf(n)
		if n%perWorkspace == 0 {
			var projects []string
			for project := range perWorkspace {
				projects = append(projects, fmt.Sprint("project-", project))
			}
			organization.Workspace(workspace, projects...)
		}
		objects = append(objects, build.RoleAssignment(name, fmt.Sprint("a-", n)).Gives("viewer").ToUser("one").InProject(workspace, project).Obj())
	}
	suspend := func(ctx context.Context, suspended bool) error {
		return as.administrator.Patch(ctx, build.User(name, "one").Obj(), client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{"suspended":%t}}`, suspended)))
	}
	made, err := b.attackOf(ctx, organization.Obj(), objects, attack{
		name:    fmt.Sprintf("beside suspensions of a User with %d roles", rolesOfOne),
		control: besideConfigMap,
		write:   func(ctx context.Context, n int) error { return suspend(ctx, n%2 == 0) },
	})
	settled := made.settled
	made.settled = func(ctx context.Context) (bool, error) {
		if err := suspend(ctx, false); err != nil {
			return false, err
		}
		return settled(ctx)
	}
	return made, err
}

// usersAtOnce are Users of one subject, who are made and deleted.
func (b *bench) usersAtOnce(ctx context.Context, as attackers) (attack, error) {
	const name = "twins"
	user := func(n int) *v1alpha1.User {
		return build.User(name, fmt.Sprint("twin-", n)).KnownAs("twin@globex.example").Obj()
	}
	made, err := b.attackOf(ctx, build.Organization(name).Obj(), nil, attack{
		name: fmt.Sprintf("beside %d Users of one subject, made and deleted at once", sameSubject), atOnce: true, control: besideConfigMaps,
		write: func(ctx context.Context, n int) error {
			if n/sameSubject%2 == 0 {
				return ignoringRaces(as.administrator.Create(ctx, user(n%sameSubject)))
			}
			return ignoringRaces(as.administrator.Delete(ctx, user(n%sameSubject)))
		},
	})
	made.settled = func(ctx context.Context) (bool, error) {
		if err := b.client.DeleteAllOf(ctx, &v1alpha1.User{}, client.InNamespace(name)); err != nil {
			return false, err
		}
		var left v1alpha1.UserList
		err := b.client.List(ctx, &left, client.InNamespace(name))
		return len(left.Items) == 0, err
	}
	return made, err
}

// editsOfConfigMaps are as many as of the roles, of objects that are none of Bailiwick's.
func (b *bench) editsOfConfigMaps(ctx context.Context, as attackers) (attack, error) {
	const name = "plain"
	plain := func() *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "root"}, Data: map[string]string{"permissionGrants": view}}
	}
	return b.attackOf(ctx, build.Organization(name).Obj(), []client.Object{plain()}, attack{
		name: besideConfigMap, isControl: true,
		write: func(ctx context.Context, n int) error {
			patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"data":{"permissionGrants":%q}}`, []string{view, edit}[n/2%2]))
			if n%2 == 0 {
				return as.mallory.Patch(ctx, plain(), patch, client.DryRunAll)
			}
			return as.administrator.Patch(ctx, plain(), patch)
		},
	})
}

// configMapsAtOnce are as many as of the Users.
func (b *bench) configMapsAtOnce(ctx context.Context, as attackers) (attack, error) {
	const name = "plain-at-once"
	plain := func(n int) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: fmt.Sprint("twin-", n)}}
	}
	made, err := b.attackOf(ctx, build.Organization(name).Obj(), nil, attack{
		name: besideConfigMaps, atOnce: true, isControl: true,
		write: func(ctx context.Context, n int) error {
			if n/sameSubject%2 == 0 {
				return ignoringRaces(as.administrator.Create(ctx, plain(n%sameSubject)))
			}
			return ignoringRaces(as.administrator.Delete(ctx, plain(n%sameSubject)))
		},
	})
	made.settled = func(ctx context.Context) (bool, error) {
		return true, b.client.DeleteAllOf(ctx, &corev1.ConfigMap{}, client.InNamespace(name))
	}
	return made, err
}

// ignoringRaces: what is made again while its deletion is under way may still be there.
func ignoringRaces(err error) error {
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return client.IgnoreNotFound(err)
}

// attackOf makes an organization with objects, in which the attackers have their rights, and returns when they are ready.
func (b *bench) attackOf(ctx context.Context, organization *v1alpha1.Organization, objects []client.Object, a attack) (attack, error) {
	name := organization.Name
	every := []string{"create", "delete", "get", "patch", "update"}
	begin := []client.Object{
		namespaceNamed(name), organization, build.User(name, "mallory").KnownAs(mallory).Obj(),
		&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "editor"}, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"roles"}, Verbs: []string{"get", "update", "patch"}},
			{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: every},
			{APIGroups: []string{foreignGroup}, Resources: []string{"roles"}, Verbs: every},
		}},
		bindingOf(name, "Role", "editor", mallory, administrator),
		bindingOf(name, "ClusterRole", "bailiwick-organization-admin", administrator),
	}
	for _, object := range begin {
		if err := b.create(ctx, object); err != nil {
			return a, err
		}
	}
	_, err := each(ctx, 0, len(objects), func(ctx context.Context, n int) error { return b.create(ctx, objects[n]) })
	if err != nil {
		return a, err
	}
	a.settled = func(ctx context.Context) (bool, error) {
		for _, list := range []client.ObjectList{&v1alpha1.RoleList{}, &v1alpha1.RoleAssignmentList{}} {
			if err := b.client.List(ctx, list, client.InNamespace(name)); err != nil {
				return false, err
			}
			all := true
			err := meta.EachListItem(list, func(object runtime.Object) error {
				all = all && isReady(object.(v1alpha1.Object))
				return nil
			})
			if err != nil || !all {
				return false, err
			}
		}
		return true, nil
	}
	return a, b.until(ctx, "the objects of "+name+" are ready", a.settled)
}

// bindingOf gives users a Role or ClusterRole in a namespace.
func bindingOf(namespace, kind, name string, users ...string) *rbacv1.RoleBinding {
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: name},
	}
	for _, user := range users {
		binding.Subjects = append(binding.Subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user})
	}
	return binding
}

// rolePatch replaces the entries of a role.
func rolePatch(entries string) client.Patch {
	return client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{"permissionGrants":%s}}`, entries))
}
