package state_test

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

func (m maker) group() client.Object {
	object := &v1alpha1.Group{ObjectMeta: m.meta(m.namespace(), m.name("g", 2))}
	for i := range m.IntN(4) {
		object.Spec.ConfigurablePermissions = append(object.Spec.ConfigurablePermissions, fmt.Sprint("c", i))
	}
	return object
}

func (m maker) membership() client.Object {
	object := &v1alpha1.GroupMembership{ObjectMeta: m.meta(m.namespace(), m.name("m", 4))}
	object.Spec.User, object.Spec.Group = m.name("u", 3), m.name("g", 2)
	object.Spec.Window = m.window()
	object.Spec.Role = pick(m, v1alpha1.GroupMember, v1alpha1.GroupAdmin, v1alpha1.GroupAdmin)
	if m.oneIn(2) {
		object.Spec.ConfigurablePermissions = &v1alpha1.ConfigurablePermissions{
			Mode: pick(m, v1alpha1.ConfigurableAll, v1alpha1.ConfigurableNone, v1alpha1.ConfigurableCustom, v1alpha1.ConfigurableCustom),
		}
	}
	if chosen := object.Spec.ConfigurablePermissions; chosen != nil && chosen.Mode == v1alpha1.ConfigurableCustom {
		chosen.Overrides = map[string]bool{m.name("c", 3): m.oneIn(2), m.name("c", 4): m.oneIn(2)}
	}
	return object
}

// invitation is one that, if it is accepted, was accepted in time: otherwise it would matter when someone
// looked first.
func (m maker) invitation() client.Object {
	object := &v1alpha1.Invitation{ObjectMeta: m.meta(m.namespace(), m.name("i", 2))}
	switch m.IntN(3) {
	case 0:
		object.Spec.ExpiresAt = &metav1.Time{Time: epoch.Add(time.Duration(1+m.IntN(4)) * time.Hour)}
	case 1:
		lasts := v1alpha1.Duration("PT1H")
		object.Spec.ValidFor = &lasts
	}
	if m.oneIn(2) {
		object.Spec.AcceptedBy = m.name("u", 3)
		object.Annotations = map[string]string{v1alpha1.AnnotationAcceptedAt: epoch.Format(time.RFC3339)}
	}
	return object
}
