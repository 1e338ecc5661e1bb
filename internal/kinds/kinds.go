// Package kinds is the one table of the kinds of objects that Bailiwick works with. Whatever has to know all of them ranges
// over All; whatever treats kinds differently is held against it by a test.
package kinds

import (
	"cmp"
	"fmt"
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// The names of the kinds.
const (
	Namespace                = "Namespace"
	ResourceType             = "ResourceType"
	Organization             = "Organization"
	User                     = "User"
	Group                    = "Group"
	Role                     = "Role"
	RoleAssignment           = "RoleAssignment"
	PermissionGrant          = "PermissionGrant"
	TemporaryPermissionGrant = "TemporaryPermissionGrant"
	GroupMembership          = "GroupMembership"
	Invitation               = "Invitation"
	AccessPolicy             = "AccessPolicy"
	AccessRequest            = "AccessRequest"
	AccessDecision           = "AccessDecision"
)

// Kind is one kind of our API.
type Kind struct {
	Name string
	// New and NewList are an empty object and an empty list.
	New     func() v1alpha1.Object
	NewList func() client.ObjectList
	// ClusterScoped kinds are in no namespace.
	ClusterScoped bool
	// InForce means that objects of the kind can give something by themselves.
	InForce bool
	// KeptWhileDeleted means that an object counts until it is gone. Others give nothing as soon as they are being deleted.
	KeptWhileDeleted bool
	// Verb is what whoever does not hold what an object gives needs to write it, by Kubernetes' own rules: VerbBind where it
	// hands on what others define, VerbEscalate where it defines privileges itself. Without one it gives nothing.
	Verb string
	// Named means that others give something to an object of the kind, by its name.
	Named bool
	// Stamped means that admission writes down when an object of the kind was made, or accepted.
	Stamped bool
}

// The verbs that replace holding what an object gives.
const (
	VerbBind     = "bind"
	VerbEscalate = "escalate"
)

// Resource is the kind's name in the API: lower case, in the plural.
func (k Kind) Resource() string {
	resource, _ := meta.UnsafeGuessKindToResource(v1alpha1.GroupVersion.WithKind(k.Name))
	return resource.Resource
}

// All are all kinds of our API, those first that others depend on.
var All = []Kind{
	{
		Name: ResourceType, ClusterScoped: true,
		New:     func() v1alpha1.Object { return &v1alpha1.ResourceType{} },
		NewList: func() client.ObjectList { return &v1alpha1.ResourceTypeList{} },
	},
	{
		Name: Organization, ClusterScoped: true, Verb: VerbEscalate,
		New:     func() v1alpha1.Object { return &v1alpha1.Organization{} },
		NewList: func() client.ObjectList { return &v1alpha1.OrganizationList{} },
	},
	{
		Name: User, Verb: VerbBind, Named: true,
		New:     func() v1alpha1.Object { return &v1alpha1.User{} },
		NewList: func() client.ObjectList { return &v1alpha1.UserList{} },
	},
	{
		Name: Group, Verb: VerbBind, Named: true,
		New:     func() v1alpha1.Object { return &v1alpha1.Group{} },
		NewList: func() client.ObjectList { return &v1alpha1.GroupList{} },
	},
	{
		Name: Invitation, Verb: VerbBind, Named: true, Stamped: true,
		New:     func() v1alpha1.Object { return &v1alpha1.Invitation{} },
		NewList: func() client.ObjectList { return &v1alpha1.InvitationList{} },
	},
	{
		Name: GroupMembership, InForce: true, Verb: VerbBind,
		New:     func() v1alpha1.Object { return &v1alpha1.GroupMembership{} },
		NewList: func() client.ObjectList { return &v1alpha1.GroupMembershipList{} },
	},
	{
		Name: Role, Verb: VerbEscalate,
		New:     func() v1alpha1.Object { return &v1alpha1.Role{} },
		NewList: func() client.ObjectList { return &v1alpha1.RoleList{} },
	},
	{
		Name: AccessPolicy, Verb: VerbEscalate,
		New:     func() v1alpha1.Object { return &v1alpha1.AccessPolicy{} },
		NewList: func() client.ObjectList { return &v1alpha1.AccessPolicyList{} },
	},
	{
		Name:    AccessRequest,
		New:     func() v1alpha1.Object { return &v1alpha1.AccessRequest{} },
		NewList: func() client.ObjectList { return &v1alpha1.AccessRequestList{} },
	},
	{
		Name:    AccessDecision,
		New:     func() v1alpha1.Object { return &v1alpha1.AccessDecision{} },
		NewList: func() client.ObjectList { return &v1alpha1.AccessDecisionList{} },
	},
	{
		// One that is protected stays in force while it is being deleted.
		Name: RoleAssignment, InForce: true, KeptWhileDeleted: true, Verb: VerbBind,
		New:     func() v1alpha1.Object { return &v1alpha1.RoleAssignment{} },
		NewList: func() client.ObjectList { return &v1alpha1.RoleAssignmentList{} },
	},
	{
		Name: PermissionGrant, InForce: true, Verb: VerbEscalate, Stamped: true,
		New:     func() v1alpha1.Object { return &v1alpha1.PermissionGrant{} },
		NewList: func() client.ObjectList { return &v1alpha1.PermissionGrantList{} },
	},
	{
		Name: TemporaryPermissionGrant, InForce: true, Verb: VerbEscalate, Stamped: true,
		New:     func() v1alpha1.Object { return &v1alpha1.TemporaryPermissionGrant{} },
		NewList: func() client.ObjectList { return &v1alpha1.TemporaryPermissionGrantList{} },
	},
}

var byName, byType = func() (map[string]*Kind, map[reflect.Type]string) {
	names := map[string]*Kind{}
	goTypes := map[reflect.Type]string{
		// A namespace still has what is in it while it is being deleted. Of namespaces we read the metadata only.
		reflect.TypeFor[*corev1.Namespace]():             Namespace,
		reflect.TypeFor[*metav1.PartialObjectMetadata](): Namespace,
	}
	for n := range All {
		names[All[n].Name] = &All[n]
		goTypes[reflect.TypeOf(All[n].New())] = All[n].Name
	}
	return names, goTypes
}()

// KeptWhileDeleted says whether an object of a kind counts until it is gone: a namespace still has what is in it.
func KeptWhileDeleted(name string) bool {
	return name == Namespace || byName[name].KeptWhileDeleted
}

// CanBeInForce says whether objects of a kind can give something by themselves.
func CanBeInForce(name string) bool { return name != Namespace && byName[name].InForce }

// Ref names an object. Namespace is empty for cluster-scoped kinds.
type Ref struct {
	Kind, Namespace, Name string
}

// RefOf names an object by its Go type.
func RefOf(object client.Object) Ref {
	kind, known := byType[reflect.TypeOf(object)]
	if !known {
		panic(fmt.Sprintf("kinds: no kind for a %T", object)) // a mistake in the program, not in its input
	}
	return Ref{Kind: kind, Namespace: object.GetNamespace(), Name: object.GetName()}
}

// ReadyReason is what the condition Ready of an object says in one word; empty where nobody has looked at it yet.
func ReadyReason(object v1alpha1.Object) string {
	if ready := meta.FindStatusCondition(object.CommonStatus().Conditions, v1alpha1.ConditionReady); ready != nil {
		return ready.Reason
	}
	return ""
}

// IsInForce says whether the status of an object says that it gives something; never of a kind that can't.
func IsInForce(object v1alpha1.Object) bool {
	switch o := object.(type) {
	case *v1alpha1.RoleAssignment:
		return o.Status.InForce
	case *v1alpha1.PermissionGrant:
		return o.Status.InForce
	case *v1alpha1.TemporaryPermissionGrant:
		return o.Status.InForce
	case *v1alpha1.GroupMembership:
		return o.Status.InForce
	}
	return false
}

// Compare orders references by kind, then by namespace and name.
func (r Ref) Compare(other Ref) int {
	return cmp.Or(strings.Compare(r.Kind, other.Kind), strings.Compare(r.Namespace, other.Namespace), strings.Compare(r.Name, other.Name))
}

// String is the reference for a log: Kind namespace/name.
func (r Ref) String() string {
	if r.Namespace == "" {
		return r.Kind + " " + r.Name
	}
	return r.Kind + " " + r.Namespace + "/" + r.Name
}

// Organization is the name of the organization that the object belongs to; empty for a ResourceType.
func (r Ref) Organization() string {
	switch r.Kind {
	case ResourceType:
		return ""
	case Organization, Namespace:
		return r.Name
	default:
		return r.Namespace
	}
}

// Key is the name of the object without its kind.
func (r Ref) Key() types.NamespacedName {
	return types.NamespacedName{Namespace: r.Namespace, Name: r.Name}
}

// Named is the reference to an object of a kind.
func Named(kind string, key types.NamespacedName) Ref {
	return Ref{Kind: kind, Namespace: key.Namespace, Name: key.Name}
}
