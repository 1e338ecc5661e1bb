package reconcile

import (
	. "github.com/onsi/ginkgo/v2"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/test/build"
	"github.com/bailiwick-dev/bailiwick/test/worlds"
)

// grant is a PermissionGrant of the world's namespace.
func (w *world) grant(name string) *build.PermissionGrantBuilder {
	return build.PermissionGrant(w.Namespace, name)
}

// temporary is a TemporaryPermissionGrant of the world's namespace.
func (w *world) temporary(name string) *build.TemporaryPermissionGrantBuilder {
	return build.TemporaryPermissionGrant(w.Namespace, name)
}

// mayBelow is may, for an object that no grant may have named: the question says in which project,
// workspace and organization it lives, as its id does.
func (w *world) mayBelow(user, permission, object string, about ...attributes) func() (bool, error) {
	parent, _ := objectid.Parent(object)
	asked := question{User: objectid.User(w.subject(user)), Permission: permission, Object: object}
	if len(about) > 0 {
		asked.Attributes = about[0]
	}
	return func() (bool, error) { return op.check(asked, parent) }
}

// granted are the tuples of this world that grants have put into the store, those that say where an
// object lives included.
func (w *world) granted() ([]string, error) {
	all, err := w.inStore()
	return worlds.Granted(all), err
}

// observed reads an object whose status is about its present spec.
func observed[T v1alpha1.Object](object T) T {
	GinkgoHelper()
	return worlds.Observed(ctx, k8sClient, object)
}

// haveOutcome matches what became of a permission entry. The words are those of its message.
var haveOutcome = worlds.HaveOutcome
