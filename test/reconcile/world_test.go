package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"testing/synctest"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/test/build"
	"github.com/bailiwick-dev/bailiwick/test/statuscheck"
)

// world is an organization of a spec's own: a namespace, with what a spec begins with. What is in the
// cluster as a whole has the namespace's name in it, so that specs do not meet.
type world struct {
	Namespace string
	// Type is a resource type with the permissions View, Edit and Delete; Edit has the attributes color
	// (String), floor (Number) and draft (Boolean).
	Type               string
	View, Edit, Delete string
}

// newWorld makes an organization with the workspace prod, in it the projects vision and speech, the
// workspace lab, in it vision, the users alice, who owns it, and bob, the group devs, and the role editor,
// which gives View and Edit. The role admin gives all three.
//
// The last role of a user is protected, so that both users have a standing one, in a workspace where no
// spec looks: whatever else a spec gives them, it can take away again.
func newWorld() *world {
	GinkgoHelper()
	return newWorldIn(newNamespace(ctx))
}

// newWorldIn makes it in a namespace that is there.
func newWorldIn(ns string) *world {
	GinkgoHelper()
	w := &world{Namespace: ns, Type: ns + ".doc", View: ns + ":View", Edit: ns + ":Edit", Delete: ns + ":Delete"}
	create(
		build.ResourceType(ns).OfType(w.Type).Permits(w.View).Permits(w.Delete).
			Permits(w.Edit, build.String("color"), build.Number("floor"), build.Boolean("draft")).Permits(ns+":Stand").Obj(),
		build.Organization(ns).OwnedBy("alice").Workspace("prod", "vision", "speech").Workspace("lab", "vision").Workspace(hall).Obj(),
		w.user("alice"), w.user("bob"),
		build.Group(ns, "devs").Configures(configurable...).Obj(),
		build.Role(ns, "editor").Grants(w.View, w.Edit).Obj(),
		build.Role(ns, "admin").Grants(w.View, w.Edit, w.Delete).Obj(),
		build.Role(ns, standing).Grants(ns+":Stand").Obj(),
		w.standing("alice"), w.standing("bob"),
	)
	return w
}

const (
	// hall is the workspace of the standing assignments, and of nothing else.
	hall = "hall"
	// standing is the role that they give.
	standing = "standing"
)

// standing gives a user a role that they keep, so that no other one is their last.
func (w *world) standing(user string) *v1alpha1.RoleAssignment {
	return w.assignment(standing+"-"+user, standing).ToUser(user).InWorkspace(hall).Obj()
}

// user is a User whose subject is nobody else's in the cluster.
func (w *world) user(name string) *v1alpha1.User {
	return build.User(w.Namespace, name).KnownAs(w.subject(name)).Obj()
}

func (w *world) subject(name string) string { return name + "@" + w.Namespace }

// assignment is a RoleAssignment of the world's namespace.
func (w *world) assignment(name, role string) *build.RoleAssignmentBuilder {
	return build.RoleAssignment(w.Namespace, name).Gives(role)
}

// at is the id in the store of a place: nothing, a workspace, a workspace and a project.
func (w *world) at(path ...string) string {
	p := scope.Path{Organization: w.Namespace}
	if len(path) > 0 {
		p.Workspace = path[0]
	}
	if len(path) > 1 {
		p.Project = path[1]
	}
	return objectid.Scope(p)
}

// object is the id in the store of an object of the world's type, in a project.
func (w *world) object(id, workspace, project string) string {
	return w.objectOf(w.Type, id, workspace, project)
}

func (w *world) objectOf(resourceType, id, workspace, project string) string {
	return objectid.Scope(scope.Path{Organization: w.Namespace, Workspace: workspace, Project: project, ResourceType: resourceType, ResourceID: id})
}

// may says whether a user may do something at a place, as a decision of now.
func (w *world) may(user, permission, object string, attributes ...map[string]any) func() (bool, error) {
	q := question{User: objectid.User(w.subject(user)), Permission: permission, Object: object}
	if len(attributes) > 0 {
		q.Attributes = attributes[0]
	}
	return func() (bool, error) { return op.may(q) }
}

// groupMay says whether whoever is a member of the group devs may do something at a place.
func (w *world) groupMay(permission, object string) func() (bool, error) {
	q := question{User: objectid.Group(w.Namespace, "devs") + "#member", Permission: permission, Object: object}
	return func() (bool, error) { return op.may(q) }
}

// inStore are the tuples of this world, without those of its standing assignments.
func (w *world) inStore() ([]string, error) {
	all, err := w.allInStore()
	return slices.DeleteFunc(all, func(line string) bool { return strings.Contains(line, "/"+hall) }), err
}

// allInStore are all tuples of this world.
func (w *world) allInStore() ([]string, error) {
	all, err := op.tuples()
	return slices.DeleteFunc(all, func(line string) bool { return !strings.Contains(line, w.Namespace) }), err
}

func create(objects ...client.Object) {
	GinkgoHelper()
	for _, object := range objects {
		Expect(k8sClient.Create(ctx, object)).To(Succeed(), "creating %T %s", object, object.GetName())
	}
	synctest.Wait()
}

// remove deletes objects and waits until they are gone.
func remove(objects ...client.Object) {
	GinkgoHelper()
	for _, object := range objects {
		Expect(client.IgnoreNotFound(k8sClient.Delete(ctx, object))).To(Succeed())
	}
	synctest.Wait()
	for _, object := range objects {
		Eventually(func() bool {
			return apierrors.IsNotFound(k8sClient.Get(ctx, client.ObjectKeyFromObject(object), object))
		}).Should(BeTrue(), "%T %s is still there", object, object.GetName())
	}
}

// edit changes an object as it is now; it tries again when someone else was faster.
func edit[T client.Object](object T, change func(T)) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		g.Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
		change(object)
		g.Expect(k8sClient.Update(ctx, object)).To(Succeed())
	}).Should(Succeed())
	synctest.Wait()
}

// reason is why an object is ready or not, as soon as that is about its present spec.
func reason(object v1alpha1.Object) func() (string, error) {
	key := client.ObjectKeyFromObject(object)
	read := object.DeepCopyObject().(v1alpha1.Object)
	return func() (string, error) {
		if err := k8sClient.Get(ctx, key, read); err != nil {
			return "", err
		}
		if read.CommonStatus().ObservedGeneration != read.GetGeneration() {
			return "not observed", nil
		}
		for _, condition := range read.CommonStatus().Conditions {
			if condition.Type == v1alpha1.ConditionReady {
				return condition.Reason, nil
			}
		}
		return "no Ready", nil
	}
}

// expectReason waits until an object is ready, or is not, for this reason, and expects these words in
// what it says about it.
func expectReason(object v1alpha1.Object, want string, words ...string) {
	GinkgoHelper()
	says := message(object)
	Eventually(reason(object)).Should(Equal(want), func() string {
		text, _ := says()
		return fmt.Sprintf("%T %s says: %s", object, object.GetName(), text)
	})
	Eventually(says).Should(containAll(words...))
}

// message is what the Ready condition of an object says.
func message(object v1alpha1.Object) func() (string, error) {
	key := client.ObjectKeyFromObject(object)
	read := object.DeepCopyObject().(v1alpha1.Object)
	return func() (string, error) {
		if err := k8sClient.Get(ctx, key, read); err != nil {
			return "", err
		}
		for _, condition := range read.CommonStatus().Conditions {
			if condition.Type == v1alpha1.ConditionReady {
				return condition.Message, nil
			}
		}
		return "", nil
	}
}

// containAll matches a text with all of these words.
func containAll(words ...string) types.GomegaMatcher {
	matchers := make([]types.GomegaMatcher, 0, len(words))
	for _, word := range words {
		matchers = append(matchers, ContainSubstring(word))
	}
	return And(matchers...)
}

// haveGeneration matches an object whose spec has been written so often.
func haveGeneration(n int64) types.GomegaMatcher {
	return WithTransform(func(object client.Object) (int64, error) {
		read := object.DeepCopyObject().(client.Object)
		err := k8sClient.Get(ctx, client.ObjectKeyFromObject(object), read)
		return read.GetGeneration(), err
	}, Equal(n))
}

// After each spec, every object keeps the contract of statuses.
var _ = AfterEach(func() {
	if op.stop == nil {
		return
	}
	for _, kind := range kinds.All {
		list := kind.NewList()
		Eventually(func() error { return checkStatuses(list) }).Should(Succeed())
	}
})

func checkStatuses(list client.ObjectList) error {
	if err := k8sClient.List(ctx, list); err != nil {
		return err
	}
	return meta.EachListItem(list, func(item runtime.Object) error {
		object := item.(v1alpha1.Object)
		if object.CommonStatus().ObservedGeneration != object.GetGeneration() {
			return fmt.Errorf("%s has not been observed", client.ObjectKeyFromObject(object))
		}
		return statuscheck.Check(object)
	})
}

// faultsOf are the entries of a role that its status names. The statuses of a role and of what gives it are
// written in any order.
func faultsOf(role *v1alpha1.Role) func() []v1alpha1.PermissionFault {
	return func() []v1alpha1.PermissionFault { return observed(role).Status.Permissions }
}
