package integration

import (
	"fmt"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/test/build"
	"github.com/bailiwick-dev/bailiwick/test/statuscheck"
	"github.com/bailiwick-dev/bailiwick/test/worlds"
)

// world is an organization of a spec's own: a namespace, with what a spec begins with. What is in the
// cluster as a whole has the namespace's name in it, so that specs do not meet.
type world struct{ worlds.World }

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
	w := &world{worlds.In(ns)}
	create(w.Objects()...)
	return w
}

const (
	hall     = worlds.Hall
	standing = worlds.Standing
)

// standing gives a user a role that they keep, so that no other one is their last.
func (w *world) standing(user string) *v1alpha1.RoleAssignment { return w.Standing(user) }

// user is a User whose subject is nobody else's in the cluster.
func (w *world) user(name string) *v1alpha1.User { return w.User(name) }

func (w *world) subject(name string) string { return w.Subject(name) }

// assignment is a RoleAssignment of the world's namespace.
func (w *world) assignment(name, role string) *build.RoleAssignmentBuilder {
	return build.RoleAssignment(w.Namespace, name).Gives(role)
}

// at is the id in the store of a place: nothing, a workspace, a workspace and a project.
func (w *world) at(path ...string) string { return w.At(path...) }

// object is the id in the store of an object of the world's type, in a project.
func (w *world) object(id, workspace, project string) string {
	return w.objectOf(w.Type, id, workspace, project)
}

func (w *world) objectOf(resourceType, id, workspace, project string) string {
	return w.ObjectOf(resourceType, id, workspace, project)
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
	return worlds.WithoutStanding(all), err
}

// allInStore are all tuples of this world.
func (w *world) allInStore() ([]string, error) {
	all, err := op.tuples()
	return w.Of(all), err
}

func create(objects ...client.Object) {
	GinkgoHelper()
	for _, object := range objects {
		Expect(k8sClient.Create(ctx, object)).To(Succeed(), "creating %T %s", object, object.GetName())
	}
}

// remove deletes objects and waits until they are gone.
func remove(objects ...client.Object) {
	GinkgoHelper()
	for _, object := range objects {
		Expect(client.IgnoreNotFound(k8sClient.Delete(ctx, object))).To(Succeed())
	}
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
}

// reason is why an object is ready or not, as soon as that is about its present spec.
func reason(object v1alpha1.Object) func() (string, error) {
	return worlds.Reason(ctx, k8sClient, object)
}

// expectReason waits until an object is ready, or is not, for this reason, and expects these words in
// what it says about it.
func expectReason(object v1alpha1.Object, want string, words ...string) {
	GinkgoHelper()
	worlds.ExpectReason(ctx, k8sClient, object, want, words...)
}

// message is what the Ready condition of an object says.
func message(object v1alpha1.Object) func() (string, error) {
	return worlds.Message(ctx, k8sClient, object)
}

// faultsOf are the entries of a role that its status names. The statuses of a role and of what gives it are
// written in any order.
func faultsOf(role *v1alpha1.Role) func() []v1alpha1.PermissionFault {
	return func() []v1alpha1.PermissionFault { return observed(role).Status.Permissions }
}

// containAll matches a text with all of these words.
var containAll = worlds.ContainAll

// haveGeneration matches an object whose spec has been written so often.
func haveGeneration(n int64) types.GomegaMatcher { return worlds.HaveGeneration(ctx, k8sClient, n) }

// lower is a level as a part of a name.
func lower(level v1alpha1.ScopeLevel) string { return strings.ToLower(string(level)) }

// After each spec, every object of its namespaces, and every one in none that is called after them, keeps the
// contract of statuses, and can be deleted.
var _ = AfterEach(func() {
	namespaces := ownNamespaces
	ownNamespaces = nil
	op.requests.leave(namespaces)
	if op.stop == nil {
		unswept = true
		return
	}
	Eventually(func() error { return checkObserved(namespaces) }).Should(Succeed())
	if len(namespaces) > 0 {
		sweep()
	}
})

// checkObserved says which object of these namespaces, or of none and called after them, has a status that is not about its
// present spec, or breaks the contract of statuses.
func checkObserved(namespaces []string) error {
	calledAfter := func(object client.Object) bool {
		return slices.ContainsFunc(namespaces, func(namespace string) bool { return strings.HasPrefix(object.GetName(), namespace) })
	}
	for _, list := range []client.ObjectList{&v1alpha1.OrganizationList{}, &v1alpha1.ResourceTypeList{}} {
		if err := checkStatuses(list, calledAfter); err != nil {
			return err
		}
	}
	for _, namespace := range namespaces {
		for _, list := range []client.ObjectList{
			&v1alpha1.UserList{}, &v1alpha1.GroupList{}, &v1alpha1.RoleList{}, &v1alpha1.RoleAssignmentList{},
			&v1alpha1.GroupMembershipList{}, &v1alpha1.InvitationList{},
			&v1alpha1.PermissionGrantList{}, &v1alpha1.TemporaryPermissionGrantList{},
		} {
			if err := checkStatuses(list, everyObject, client.InNamespace(namespace)); err != nil {
				return err
			}
		}
	}
	return nil
}

func everyObject(client.Object) bool { return true }

func checkStatuses(list client.ObjectList, concerns func(client.Object) bool, within ...client.ListOption) error {
	if err := k8sClient.List(ctx, list, within...); err != nil {
		return err
	}
	return meta.EachListItem(list, func(item runtime.Object) error {
		object := item.(v1alpha1.Object)
		if !concerns(object) {
			return nil
		}
		if object.CommonStatus().ObservedGeneration != object.GetGeneration() {
			return fmt.Errorf("%s has not been observed", client.ObjectKeyFromObject(object))
		}
		return statuscheck.Check(object)
	})
}
