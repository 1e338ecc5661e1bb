package v1alpha1

import (
	"encoding/json"
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// Object is what every kind of this API has in common.
// +kubebuilder:object:generate=false
type Object interface {
	metav1.Object
	runtime.Object
	// CommonStatus is the part of the status that every kind has, to read and to change.
	CommonStatus() *CommonStatus
	// Declared is the spec, to read and to change: a pointer to the kind's own type.
	Declared() any
}

// SameDeclared says whether two objects of a kind have the same spec.
func SameDeclared(a, b Object) bool { return equality.Semantic.DeepEqual(a.Declared(), b.Declared()) }

// CommonStatus is the part of the status that every kind has.
type CommonStatus struct {
	// observedGeneration is the generation of the spec that this status is about. It is -1 until the
	// operator has seen the object.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions follow the kstatus convention. Ready says whether the declaration is valid and holds.
	// Reconciling is there while it waits for something that can come by itself, Stalled while
	// someone must edit something.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// held is what the operator keeps an object to while it is paused. Only the operator writes it.
	// +optional
	Held *Held `json:"held,omitempty"`

	// judged says that the author of what the object gives could give it when it first took effect. It is there
	// where they did so without a verb. Only the operator writes it.
	// +optional
	Judged *Judged `json:"judged,omitempty"`
}

// Judged is of whom it was found that they could give what an object gives.
type Judged struct {
	// generation is the first one that gives this, by its author.
	// +optional
	Generation int64 `json:"generation,omitempty"`

	// uids are the Users, Groups and Invitations that it names, and whose makers could give it.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=4
	UIDs []types.UID `json:"uids,omitempty"`
}

// Held is what holds of an object while it is paused.
type Held struct {
	// spec is the spec as the operator had last carried it out when the object was paused. Left out: none
	// was, or it is not known which, and the object gives nothing.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	Spec *runtime.RawExtension `json:"spec,omitempty"`
}

// Hold records what a paused object is kept to; nil records that it gives nothing.
func Hold(object Object) (*Held, error) {
	if object == nil {
		return &Held{}, nil
	}
	raw, err := json.Marshal(object.Declared())
	if err != nil {
		return nil, fmt.Errorf("recording the spec of a paused object: %w", err)
	}
	return &Held{Spec: &runtime.RawExtension{Raw: raw}}, nil
}

// HeldTo is the object with the spec of a record, nil where the record says that there is none. One that can't
// be read is an error, and none either.
func (h *Held) HeldTo(object Object) (Object, error) {
	if h.Spec == nil {
		return nil, nil //nolint:nilnil // there is none, and that is no error
	}
	held := object.DeepCopyObject().(Object)
	reflect.ValueOf(held.Declared()).Elem().SetZero()
	if err := json.Unmarshal(h.Spec.Raw, held.Declared()); err != nil {
		return nil, fmt.Errorf("status.held.spec: %w", err)
	}
	return held, nil
}

// PermissionFault is a permission entry that grants nothing, and why.
type PermissionFault struct {
	// permission is the name as it stands in the spec.
	// +required
	Permission string `json:"permission"`

	// reason is one word for what is wrong: PermissionNotFound, AttributeNotFound, ValueInvalid,
	// PermissionOfOtherType or ConditionTooExpensive.
	// +required
	Reason string `json:"reason"`

	// message says what to change.
	// +required
	Message string `json:"message"`
}

// The condition types.
const (
	// ConditionReady says whether the declaration is valid and the store agrees with it. An object
	// that is valid and deliberately without effect, as that of a suspended user, is ready.
	ConditionReady = "Ready"
	// ConditionReconciling is true while the object waits for something that can come by itself.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is true while nothing will change until someone edits something.
	ConditionStalled = "Stalled"
	// ConditionStoreUnavailable is true on every Organization while the authorization store does not
	// answer.
	ConditionStoreUnavailable = "StoreUnavailable"
	// ConditionPaused is true while edits of the object are not carried out.
	ConditionPaused = "Paused"
)

// The reasons of conditions. What to do about each is on the page of its kind in docs.
const (
	// ReasonInForce: what the object gives is in the store.
	ReasonInForce = "InForce"
	// ReasonValid: the object is valid; it gives nothing by itself.
	ReasonValid = "Valid"

	// ReasonOrganizationNotFound: no Organization is named like the namespace.
	ReasonOrganizationNotFound = "OrganizationNotFound"
	// ReasonNamespaceNotFound: no namespace is named like the Organization.
	ReasonNamespaceNotFound = "NamespaceNotFound"
	// ReasonScopeNotFound: the Organization does not declare the workspace or project.
	ReasonScopeNotFound = "ScopeNotFound"
	// ReasonResourceTypeNotFound: no ResourceType declares the type of the resource.
	ReasonResourceTypeNotFound = "ResourceTypeNotFound"
	// ReasonRoleNotFound: the namespace has no Role of this name.
	ReasonRoleNotFound = "RoleNotFound"
	// ReasonRoleInvalid: the Role is there and grants nothing at all because of a fault of its own.
	ReasonRoleInvalid = "RoleInvalid"
	// ReasonRoleEmpty: the Role is valid and has no permission that holds.
	ReasonRoleEmpty = "RoleEmpty"
	// ReasonRoleTooLarge: the Role's permissions and conditions do not fit into the store, its own or with what it
	// inherits, or it inherits from too many.
	ReasonRoleTooLarge = "RoleTooLarge"
	// ReasonInheritanceCycle: the Role inherits from itself, directly or through others.
	ReasonInheritanceCycle = "InheritanceCycle"
	// ReasonBaseRoleInherits: the Role is of type Base, and inherits.
	ReasonBaseRoleInherits = "BaseRoleInherits"
	// ReasonScopeLevelNotAllowed: the Role may not be assigned at this level.
	ReasonScopeLevelNotAllowed = "ScopeLevelNotAllowed"
	// ReasonUserNotFound: the namespace has no User of this name.
	ReasonUserNotFound = "UserNotFound"
	// ReasonUserInvalid: the User is there and is invalid, and grants nothing.
	ReasonUserInvalid = "UserInvalid"
	// ReasonUserSuspended: the User is suspended.
	ReasonUserSuspended = "UserSuspended"
	// ReasonGroupNotFound: the namespace has no Group of this name.
	ReasonGroupNotFound = "GroupNotFound"
	// ReasonInvitationNotFound: the namespace has no Invitation of this name.
	ReasonInvitationNotFound = "InvitationNotFound"
	// ReasonInvitationPending: the Invitation has not been accepted yet.
	ReasonInvitationPending = "InvitationPending"
	// ReasonInvitationExpired: the Invitation was not accepted in time.
	ReasonInvitationExpired = "InvitationExpired"
	// ReasonAccepted: the Invitation has been accepted.
	ReasonAccepted = "Accepted"
	// ReasonDuplicate: an older GroupMembership has the same user and group.
	ReasonDuplicate = "Duplicate"
	// ReasonDisabled: the membership disables the permission, or its role is not Admin.
	ReasonDisabled = "Disabled"
	// ReasonOwnerNotFound: an owner of the Organization is no User of its namespace.
	ReasonOwnerNotFound = "OwnerNotFound"
	// ReasonNotAdministered: no owner of the Organization has its adminRole in force at the organization.
	ReasonNotAdministered = "NotAdministered"
	// ReasonNotHeld: whoever wrote the object does not hold what it gives, and had no verb to give it all the same.
	ReasonNotHeld = "NotHeld"
	// ReasonNameNotConfirmed: a User, Group or Invitation that the object names was made by somebody who could not give
	// this, or is another person than was meant.
	ReasonNameNotConfirmed = "NameNotConfirmed"
	// ReasonAdminRoleNotFound: the Organization's adminRole is no Role of its namespace.
	ReasonAdminRoleNotFound = "AdminRoleNotFound"
	// ReasonSuspended: the User is suspended, as its spec says.
	ReasonSuspended = "Suspended"

	// ReasonPermissionsInvalid: at least one permission entry grants nothing; status.permissions names
	// each. The other entries hold.
	ReasonPermissionsInvalid = "PermissionsInvalid"
	// ReasonPermissionNotFound: no ResourceType declares the permission.
	ReasonPermissionNotFound = "PermissionNotFound"
	// ReasonAttributeNotFound: the permission has no attribute of this name.
	ReasonAttributeNotFound = "AttributeNotFound"
	// ReasonValueInvalid: a value can't be read as the attribute's type, or that type has no such comparison.
	ReasonValueInvalid = "ValueInvalid"
	// ReasonConditionTooExpensive: the store's limit for evaluating a condition would be exceeded.
	ReasonConditionTooExpensive = "ConditionTooExpensive"

	// ReasonPermissionOfOtherType: the permission is not one of the resource's type.
	ReasonPermissionOfOtherType = "PermissionOfOtherType"
	// ReasonContextTooLarge: together with older grants of the same subject at the same scope, this
	// would not fit into the store.
	ReasonContextTooLarge = "ContextTooLarge"
	// ReasonGranted: the permission entry is part of what the object gives.
	ReasonGranted = "Granted"

	// ReasonPending: the grant is in the store, and begins by itself.
	ReasonPending = "Pending"
	// ReasonDurationInvalid: the length of a temporary grant can't be read.
	ReasonDurationInvalid = "DurationInvalid"
	// ReasonExpired: the deadline has passed.
	ReasonExpired = "Expired"

	// ReasonTypeTaken: an older ResourceType has the same type.
	ReasonTypeTaken = "TypeTaken"
	// ReasonPermissionTaken: an older ResourceType declares a permission of the same name.
	ReasonPermissionTaken = "PermissionTaken"
	// ReasonSubjectTaken: an older User of the organization has the same subject.
	ReasonSubjectTaken = "SubjectTaken"

	// ReasonBeingDeleted: the object gives nothing any more, and is still there because somebody else's finalizer
	// holds it.
	ReasonBeingDeleted = "BeingDeleted"
	// ReasonStoreUnavailable: the object's own change, its deletion included, waits for the store.
	ReasonStoreUnavailable = "StoreUnavailable"
	// ReasonRevocationProtected: the object is being deleted and stays in force, because taking its
	// access away is protected.
	ReasonRevocationProtected = "RevocationProtected"

	// ReasonNobodyDecides: fewer Users in force than are needed may decide by the AccessPolicy.
	ReasonNobodyDecides = "NobodyDecides"
	// ReasonNotAllowed: no AccessPolicy allows the request.
	ReasonNotAllowed = "NotAllowed"
	// ReasonWaitsForDecision: the request has not been decided yet.
	ReasonWaitsForDecision = "WaitsForDecision"
	// ReasonApproved: the request has been approved, and will be in force in a moment.
	ReasonApproved = "Approved"
	// ReasonInstallationWeakened: nothing is approved while what binds names is missing or weaker than installed.
	ReasonInstallationWeakened = "InstallationWeakened"
	// ReasonGrantNotInForce: the request is approved, and the object that gives it gives nothing.
	ReasonGrantNotInForce = "GrantNotInForce"
	// ReasonDenied: a decider has denied the request.
	ReasonDenied = "Denied"
	// ReasonNotDecided: the request was not decided in time.
	ReasonNotDecided = "NotDecided"
	// ReasonWithdrawn: the requester has taken the request back.
	ReasonWithdrawn = "Withdrawn"
	// ReasonGrantDeleted: somebody has deleted what gave what was approved.
	ReasonGrantDeleted = "GrantDeleted"
	// ReasonAskedTwice: an older request of the same requester asks for the same, and is not over.
	ReasonAskedTwice = "AskedTwice"

	// ReasonRequestNotInForce: the object was made for an AccessRequest, which is not in force.
	ReasonRequestNotInForce = "RequestNotInForce"

	// ReasonCounts: the decision counts.
	ReasonCounts = "Counts"
	// ReasonRequestNotFound: the namespace has no AccessRequest of this name and UID.
	ReasonRequestNotFound = "RequestNotFound"
	// ReasonNotADecider: whoever decided may not decide by the policy of the request.
	ReasonNotADecider = "NotADecider"
	// ReasonOwnRequest: whoever decided is the requester, or may be.
	ReasonOwnRequest = "OwnRequest"
	// ReasonDecidedTwice: whoever decided has decided before.
	ReasonDecidedTwice = "DecidedTwice"
	// ReasonNotInTime: the request was over, or had been decided.
	ReasonNotInTime = "NotInTime"

	// ReasonPaused: the object is paused. As the reason of Ready, what its spec says is not carried out.
	ReasonPaused = "Paused"
	// ReasonOrganizationPaused: the object's Organization is paused, and the object with it.
	ReasonOrganizationPaused = "OrganizationPaused"
)
