// Package v1alpha1 is the API of Bailiwick: who may do what, where and until when, as Kubernetes
// resources.
// +kubebuilder:object:generate=true
// +groupName=authz.bailiwick.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	// GroupVersion is the group and version of every kind in this package.
	GroupVersion = schema.GroupVersion{Group: "authz.bailiwick.dev", Version: "v1alpha1"}

	// SchemeBuilder collects the kinds of this package.
	SchemeBuilder = runtime.NewSchemeBuilder(func(scheme *runtime.Scheme) error {
		metav1.AddToGroupVersion(scheme, GroupVersion)
		return nil
	})

	// AddToScheme adds the kinds of this package to a scheme.
	AddToScheme = SchemeBuilder.AddToScheme
)

// register adds a kind and its list, in the file of each.
func register(objects ...runtime.Object) {
	SchemeBuilder.Register(func(scheme *runtime.Scheme) error {
		scheme.AddKnownTypes(GroupVersion, objects...)
		return nil
	})
}

// Finalizer holds an object that is being deleted until the store has confirmed that nothing it gave
// is in force any more.
const Finalizer = "authz.bailiwick.dev/revoke"

// AnnotationPaused pauses an object, and on an Organization all that belongs to it, where its value is "true".
// Edits are not carried out meanwhile; deletions, deadlines and suspensions are.
const AnnotationPaused = "authz.bailiwick.dev/paused"

// Annotations that the webhook sets when a grant is created, and that backups keep.
const (
	// AnnotationGrantedAt is when a temporary grant was first created (RFC 3339). The grant begins then,
	// if that is before the object's own creation; a later instant counts for nothing.
	AnnotationGrantedAt = "authz.bailiwick.dev/granted-at"
	// AnnotationCreator is who first created a grant.
	AnnotationCreator = "authz.bailiwick.dev/creator"
	// AnnotationAcceptedAt is when an invitation was accepted (RFC 3339).
	AnnotationAcceptedAt = "authz.bailiwick.dev/accepted-at"
)

// Who wrote an object, and whether a name means who has it.
const (
	// AnnotationAuthor is who wrote what an object gives or, on a User, Group or Invitation, who made it, and which Users,
	// Groups and Invitations they meant. The webhook sets it, and puts it back; the API server compares it with who asks.
	AnnotationAuthor = "authz.bailiwick.dev/author"
	// AnnotationConfirmed confirms that a name means the object that has it. Its value is the subject of a User, and "true"
	// on a Group or Invitation. Setting it needs the verb bind.
	AnnotationConfirmed = "authz.bailiwick.dev/confirmed"
)

// What the ControllerRevisions of Roles carry.
const (
	// LabelRole is the name of the Role.
	LabelRole = "authz.bailiwick.dev/role"
	// AnnotationCurrentSince is when the revision became the current one (RFC 3339).
	AnnotationCurrentSince = "authz.bailiwick.dev/current-since"
)

// The owner of an object that a directory made.
const (
	// LabelManagedBy says who an object belongs to. Whoever changes it hands the object over.
	LabelManagedBy = "authz.bailiwick.dev/managed-by"
	// ManagedBySCIM is its value for what SCIM made, or may change.
	ManagedBySCIM = "scim"
	// ManagedByImport is its value for what kubectl authz import made, or may change.
	ManagedByImport = "import"
)
