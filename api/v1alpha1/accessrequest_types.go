package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// AccessRequestReference names an AccessRequest of the same namespace, and no other of the same name.
type AccessRequestReference struct {
	// name is the name of the AccessRequest.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`

	// uid is its metadata.uid.
	// +required
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	UID types.UID `json:"uid"`
}

// AccessRequestSpec asks for a role or a permission for a time. Nothing of it but withdrawn can be changed.
// +kubebuilder:validation:XValidation:rule="has(self.roleRef) != has(self.permissionGrant)",message="set exactly one of roleRef and permissionGrant"
// +kubebuilder:validation:XValidation:rule="dyn(self).all(field, field != 'scope' || field in dyn(self))",message="scope can't be null: write {} or leave the field out to mean the whole organization",fieldPath=".scope"
// +kubebuilder:validation:XValidation:rule="!has(self.roleRef) || !has(self.scope) || !has(self.scope.resource) || has(self.scope.resource.id)",message="a role is assigned at one object: set the object's identifier in its application",fieldPath=".scope.resource.id",reason=FieldValueRequired
// +kubebuilder:validation:XValidation:rule="has(self.policy) == has(oldSelf.policy) && (!has(self.policy) || self.policy == oldSelf.policy)",message="can't be set, changed or removed later: withdraw this request, and make another",fieldPath=".policy"
// +kubebuilder:validation:XValidation:rule="has(self.roleRef) == has(oldSelf.roleRef) && (!has(self.roleRef) || self.roleRef == oldSelf.roleRef)",message="can't be set, changed or removed later: withdraw this request, and make another",fieldPath=".roleRef"
// +kubebuilder:validation:XValidation:rule="has(self.permissionGrant) == has(oldSelf.permissionGrant)",message="can't be set or removed later: withdraw this request, and make another",fieldPath=".permissionGrant"
// +kubebuilder:validation:XValidation:rule="self.?scope.workspace == oldSelf.?scope.workspace && self.?scope.project == oldSelf.?scope.project && self.?scope.resource == oldSelf.?scope.resource",message="can't be set, changed or removed later: withdraw this request, and make another",fieldPath=".scope"
// +kubebuilder:validation:XValidation:rule="has(self.tags) == has(oldSelf.tags) && (!has(self.tags) || self.tags == oldSelf.tags)",message="can't be set, changed or removed later: withdraw this request, and make another",fieldPath=".tags"
// +kubebuilder:validation:XValidation:rule="!oldSelf.?withdrawn.orValue(false) || self.?withdrawn.orValue(false)",message="can't be taken back: make another request",fieldPath=".withdrawn"
type AccessRequestSpec struct {
	// requester is who asks, as the API server knows them: up to 512 characters. The webhook fills it in where it is
	// left out, and nobody can ask in another's name. It can't be changed.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="can't be changed: withdraw this request, and make another"
	Requester string `json:"requester"`

	// policy is the name of the AccessPolicy to ask by. Left out: one that allows the request, first those that ask
	// nobody, then those with fewer approvals, then by name; never one with onlyByName. It can't be changed.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of an AccessPolicy: lower-case letters, digits, '-' and '.', with a letter or digit at both ends and around each '.'"
	Policy string `json:"policy,omitempty"`

	// roleRef is the role that is asked for. Left out: a permission is. It can't be changed.
	// +optional
	RoleRef *RoleReference `json:"roleRef,omitempty"`

	// permissionGrant is the permission that is asked for. Left out: a role is. It can't be changed.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="can't be changed: withdraw this request, and make another"
	// +kubebuilder:validation:XValidation:rule="self.permission.trim() != ''",message="must not be blank: write the name of a permission that a ResourceType declares",fieldPath=".permission"
	// +kubebuilder:validation:XValidation:rule=`dyn(self).size() == 1 || has(self.conditions) && self.conditions.all(a, c, a != "" && a.size() <= 128 && dyn(c).size() == 2 && (has(c.value) ? c.type in ['Equals', 'NotEquals'] || c.type != 'In' && c.value.matches(r'^[-+.\deE]+$') : c.type == 'In'))`,messageExpression=`!has(self.conditions) ? "conditions can't be null: name at least one, or leave the field out to give the permission without conditions" : self.conditions.exists(a, a == "" || a.size() > 128) ? "an attribute's name has 1 to 128 characters: write one that the permission's ResourceType declares" : self.conditions.exists(a, c, dyn(c).size() != 2 || has(c.value) == (c.type == 'In')) ? "%s: set values, with at least one, for In, and value for every other type, never both".format([self.conditions.transformList(a, c, dyn(c).size() != 2 || has(c.value) == (c.type == 'In'), a)]) : "%s.value must be a number for LessThan, LessThanOrEqual, GreaterThan and GreaterThanOrEqual, as in '1000'".format([self.conditions.transformList(a, c, !(c.type in ['Equals', 'NotEquals', 'In']), a)])`,message="conditions can't be null, an attribute's name has 1 to 128 characters, and a condition has values for In and value for every other type, a number for LessThan and the like",fieldPath=".conditions"
	PermissionGrant *PermissionEntry `json:"permissionGrant,omitempty"`

	// scope is where: there and everywhere below. Left out, or empty: the whole organization. Null is refused. It
	// can't be changed.
	// +optional
	// +nullable
	Scope Scope `json:"scope,omitzero"`

	// duration is for how long, from the moment of approval, as in PT4H or 30m. It can't be changed.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="can't be changed: withdraw this request, and make another"
	Duration Duration `json:"duration"`

	// justification says for people why the access is needed: up to 1024 characters, at least 10 of them without
	// counting blanks at both ends. It can't be changed.
	// +required
	// +kubebuilder:validation:MinLength=10
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.trim().size() >= 10",message="must have at least 10 characters, surrounding blanks not counted: say why the access is needed"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="can't be changed: withdraw this request, and make another"
	Justification string `json:"justification"`

	// tags are for people, reports and policies that require some, as in ticket: INC 4711. Up to 20, with keys of 1 to
	// 63 and values of up to 256 ASCII letters, digits, underscores and blanks. Left out: there are none. They can't be
	// changed.
	// +optional
	// +kubebuilder:validation:MaxProperties=20
	// +kubebuilder:validation:XValidation:rule="self.all(key, key.size() <= 63 && key.matches('^[A-Za-z0-9_ ]+$'))",message="a tag's key has 1 to 63 ASCII letters, digits, underscores and blanks"
	Tags map[string]TagValue `json:"tags,omitempty"`

	// withdrawn takes the request back, also while it is in force. Only the requester can set it, and nobody can take
	// it back. Left out: it stands.
	// +optional
	Withdrawn bool `json:"withdrawn,omitempty"`
}

// AccessRequestPhase says where in its life a request is.
// +kubebuilder:validation:Enum=Pending;Approved;Denied;Active;Expired;Withdrawn
type AccessRequestPhase string

// The phases. Denied, Expired and Withdrawn are the last of a request.
const (
	// AccessPending waits to be decided.
	AccessPending AccessRequestPhase = "Pending"
	// AccessApproved has been approved, and is not in force yet.
	AccessApproved AccessRequestPhase = "Approved"
	// AccessDenied was denied by a decider.
	AccessDenied AccessRequestPhase = "Denied"
	// AccessActive is in force.
	AccessActive AccessRequestPhase = "Active"
	// AccessExpired was in force until its end, or was not decided in time.
	AccessExpired AccessRequestPhase = "Expired"
	// AccessWithdrawn was taken back: by the requester, or because what allowed it did so no more.
	AccessWithdrawn AccessRequestPhase = "Withdrawn"
)

// IsFinal says whether a phase is the last of a request.
func (p AccessRequestPhase) IsFinal() bool {
	return p == AccessDenied || p == AccessExpired || p == AccessWithdrawn
}

// AccessDecisionOutcome is what became of a decision about a request.
type AccessDecisionOutcome struct {
	// name is the name of the AccessDecision.
	// +required
	Name string `json:"name"`

	// uid is its metadata.uid.
	// +required
	UID types.UID `json:"uid"`

	// decider is who decided, as the API server knows them.
	// +required
	Decider string `json:"decider"`

	// user is the name of the decider's User. Empty: they have none.
	// +optional
	User string `json:"user,omitempty"`

	// verdict is what they decided.
	// +required
	Verdict AccessVerdict `json:"verdict"`

	// comment is what they said.
	// +optional
	Comment string `json:"comment,omitempty"`

	// decidedAt is when (UTC).
	// +required
	DecidedAt metav1.Time `json:"decidedAt"`

	// counts says whether the decision counts.
	// +required
	Counts bool `json:"counts"`

	// reason is Counts, or one word for why the decision does not count: NotADecider, OwnRequest, DecidedTwice or
	// NotInTime.
	// +required
	Reason string `json:"reason"`

	// message says why for people.
	// +optional
	Message string `json:"message,omitempty"`
}

// AccessGrantReference names the object that gives what was approved.
type AccessGrantReference struct {
	// kind is RoleAssignment or TemporaryPermissionGrant.
	// +required
	Kind string `json:"kind"`

	// name is its name.
	// +required
	Name string `json:"name"`

	// uid is its metadata.uid.
	// +required
	UID types.UID `json:"uid"`
}

// AccessStep is a step in the life of a request.
type AccessStep struct {
	// sequence counts the steps of the request from 1.
	// +required
	Sequence int64 `json:"sequence"`

	// type is Requested, Decided, or the phase that began.
	// +required
	Type string `json:"type"`

	// at is when (UTC).
	// +required
	At metav1.Time `json:"at"`

	// by is who brought it about, as the API server knows them. Empty: time did, or an edit of what allows it.
	// +optional
	By string `json:"by,omitempty"`

	// verdict is what was decided, in a step of type Decided.
	// +optional
	Verdict AccessVerdict `json:"verdict,omitempty"`

	// reason is one word for why, as in the condition Ready.
	// +optional
	Reason string `json:"reason,omitempty"`
}

// AccessRequestStatus is what the operator has found. Only the operator writes it.
type AccessRequestStatus struct {
	CommonStatus `json:",inline"`

	// phase is Pending, Approved, Denied, Active, Expired or Withdrawn. Empty until the operator has seen the object.
	// +optional
	Phase AccessRequestPhase `json:"phase,omitempty"`

	// user is the name of the requester's User.
	// +optional
	User string `json:"user,omitempty"`

	// scope is where, as a path from the organization down, as in acme/prod/vision.
	// +optional
	Scope string `json:"scope,omitempty"`

	// policy is the name of the AccessPolicy that allows the request. Empty: none does.
	// +optional
	Policy string `json:"policy,omitempty"`

	// policyUID is the metadata.uid of that policy.
	// +optional
	PolicyUID types.UID `json:"policyUID,omitempty"`

	// approvalsNeeded is how many have to approve. 0: nobody.
	// +optional
	ApprovalsNeeded int32 `json:"approvalsNeeded,omitempty"`

	// approvals is how many have approved, of those who count.
	// +optional
	Approvals int32 `json:"approvals,omitempty"`

	// decisions are those about this request, the oldest first, at most 50, and whether each counts.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	Decisions []AccessDecisionOutcome `json:"decisions,omitempty"`

	// decideBy is until when it has to be decided (UTC). Empty where nobody has to.
	// +optional
	DecideBy *metav1.Time `json:"decideBy,omitempty"`

	// approvedAt is when it was approved, from when on it is in force (UTC).
	// +optional
	ApprovedAt *metav1.Time `json:"approvedAt,omitempty"`

	// expiresAt is when what was approved ends by itself (UTC).
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`

	// endedAt is when the last phase began (UTC).
	// +optional
	EndedAt *metav1.Time `json:"endedAt,omitempty"`

	// grantRef is the object that gives what was approved.
	// +optional
	GrantRef *AccessGrantReference `json:"grantRef,omitempty"`

	// steps are the steps in the life of the request, in order, at most 64.
	// +optional
	// +listType=map
	// +listMapKey=sequence
	// +kubebuilder:validation:MaxItems=64
	Steps []AccessStep `json:"steps,omitempty"`

	// deliveredSteps is the sequence of the last step that the events sink has taken. 0: none, or there is no sink.
	// +optional
	DeliveredSteps int64 `json:"deliveredSteps,omitempty"`
}

// AccessRequest asks for a role or a permission for a time. Once it is approved, the operator makes a RoleAssignment
// or a TemporaryPermissionGrant of it that ends by itself.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,path=accessrequests,shortName=areq,categories={authz,authz-all}
// +kubebuilder:printcolumn:name="Requester",type=string,JSONPath=`.spec.requester`
// +kubebuilder:printcolumn:name="Role",type=string,JSONPath=`.spec.roleRef.name`
// +kubebuilder:printcolumn:name="Permission",type=string,JSONPath=`.spec.permissionGrant.permission`
// +kubebuilder:printcolumn:name="Scope",type=string,JSONPath=`.status.scope`
// +kubebuilder:printcolumn:name="Duration",type=string,JSONPath=`.spec.duration`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.status.expiresAt`
// +kubebuilder:printcolumn:name="Policy",type=string,JSONPath=`.status.policy`,priority=1
// +kubebuilder:printcolumn:name="Approvals",type=integer,JSONPath=`.status.approvals`,priority=1
// +kubebuilder:printcolumn:name="Needed",type=integer,JSONPath=`.status.approvalsNeeded`,priority=1
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Paused",type=string,JSONPath=`.status.conditions[?(@.type=="Paused")].status`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:selectablefield:JSONPath=`.spec.requester`
// +kubebuilder:selectablefield:JSONPath=`.spec.roleRef.name`
// +kubebuilder:selectablefield:JSONPath=`.status.phase`
// +kubebuilder:selectablefield:JSONPath=`.status.policy`
// +kubebuilder:selectablefield:JSONPath=`.status.user`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must have at most 63 characters: choose a shorter name",fieldPath=".metadata"
type AccessRequest struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec AccessRequestSpec `json:"spec"`
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status AccessRequestStatus `json:"status,omitzero"`
}

// CommonStatus implements Object.
func (o *AccessRequest) CommonStatus() *CommonStatus { return &o.Status.CommonStatus }

// Declared implements Object.
func (o *AccessRequest) Declared() any { return &o.Spec }

// AccessRequestList is a list of AccessRequests.
// +kubebuilder:object:root=true
type AccessRequestList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AccessRequest `json:"items"`
}

func init() { register(&AccessRequest{}, &AccessRequestList{}) }
