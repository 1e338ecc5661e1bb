package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// PermissionOutcome is what became of one permission entry.
type PermissionOutcome struct {
	// permission is the name as it stands in the spec.
	// +required
	Permission string `json:"permission"`

	// granted says whether the entry is valid and part of what the object gives. When that holds is
	// said for the object as a whole, by status.inForce.
	// +required
	Granted bool `json:"granted"`

	// reason is Granted, or one word for what is wrong: PermissionNotFound, AttributeNotFound,
	// ValueInvalid, PermissionOfOtherType, ConditionTooExpensive or ContextTooLarge.
	// +required
	Reason string `json:"reason"`

	// message says what to change.
	// +optional
	Message string `json:"message,omitempty"`
}

// PermissionGrantSpec gives permissions to someone, somewhere, without a role.
// +kubebuilder:validation:XValidation:rule="dyn(self).all(field, field != 'scope' || field in dyn(self))",message="scope can't be null: write {} or leave the field out to mean the whole organization",fieldPath=".scope"
// +kubebuilder:validation:XValidation:rule="!has(self.startsAt) || !has(self.expiresAt) || self.startsAt < self.expiresAt",message="must be after startsAt: choose a later deadline, or make another grant with an earlier start",fieldPath=".expiresAt"
// +kubebuilder:validation:XValidation:rule="has(self.startsAt) == has(oldSelf.startsAt) && (!has(self.startsAt) || self.startsAt == oldSelf.startsAt)",message="can't be set, changed or removed later: make another grant, and delete this one",fieldPath=".startsAt"
// +kubebuilder:validation:XValidation:rule="dyn(self).all(field, field != 'startsAt' || field in dyn(self))",message="startsAt can't be null: write when it begins, or leave the field out to begin at once",fieldPath=".startsAt"
// +kubebuilder:validation:XValidation:rule="dyn(self).all(field, field != 'expiresAt' || field in dyn(self))",message="expiresAt can't be null: write when it ends, or leave the field out to have no end",fieldPath=".expiresAt"
type PermissionGrantSpec struct {
	// subject is who gets them: exactly one of user and group, which may be declared later.
	// +required
	Subject GrantSubject `json:"subject"`

	// permissions are what is given: 1 to 100. An entry that is wrong gives nothing and says so in
	// status.permissions; the others hold. Listing a permission twice gives it where either entry's
	// conditions are met, so one entry without conditions makes the other's idle.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=100
	Permissions PermissionEntries `json:"permissions"`

	// scope is where: there and everywhere below. With resource.id it is one object; with resource.type
	// alone it is every object of that type there. Either way each permission must be one of that type.
	// Left out, or empty: the whole organization. Null is refused.
	// +optional
	// +nullable
	Scope Scope `json:"scope,omitzero"`

	Window `json:",inline"`
}

// GrantSubject is exactly one of a user and a group of the same namespace.
// +kubebuilder:validation:XValidation:rule="[has(self.user), has(self.group)].filter(x, x).size() == 1",message="set exactly one of user and group"
type GrantSubject struct {
	// user is the name of a User. Left out: the subject is a group.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a User: lower-case letters, digits, '-' and '.', with a letter or digit at both ends and around each '.'"
	User string `json:"user,omitempty"`

	// group is the name of a Group: its members get the permissions. Left out: the subject is a user.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a Group: lower-case letters, digits, '-' and '.', with a letter or digit at both ends and around each '.'"
	Group string `json:"group,omitempty"`
}

// PermissionGrantStatus is what the operator has found.
type PermissionGrantStatus struct {
	CommonStatus `json:",inline"`
	WindowStatus `json:",inline"`

	// subject is who gets the permissions, as in user/alice. Empty until the operator has seen the
	// object.
	// +optional
	Subject string `json:"subject,omitempty"`

	// scope is where, as a path from the organization down, as in acme/prod/vision. Empty until the
	// operator has seen the object.
	// +optional
	Scope string `json:"scope,omitempty"`

	// inForce says whether any of what the grant gives is in force now.
	// +optional
	// +kubebuilder:default=false
	InForce bool `json:"inForce"`

	// creator is who made the grant, as the API server knows them, where the webhook is installed.
	// +optional
	Creator string `json:"creator,omitempty"`

	// permissions are the outcomes of spec.permissions, in the same order. Empty while a fault of the
	// whole object, which the condition Ready names, grants nothing.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	Permissions []PermissionOutcome `json:"permissions,omitempty"`
}

// PermissionGrant gives permissions directly to a user or a group, at a scope and everywhere below, on
// every object of a type there, or on one object.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=pg,categories={authz,authz-all}
// +kubebuilder:printcolumn:name="Subject",type=string,JSONPath=`.status.subject`
// +kubebuilder:printcolumn:name="Scope",type=string,JSONPath=`.status.scope`
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.status.expiresAt`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`,priority=1
// +kubebuilder:printcolumn:name="In force",type=boolean,JSONPath=`.status.inForce`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Paused",type=string,JSONPath=`.status.conditions[?(@.type=="Paused")].status`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:selectablefield:JSONPath=`.spec.subject.user`
// +kubebuilder:selectablefield:JSONPath=`.spec.subject.group`
// +kubebuilder:selectablefield:JSONPath=`.spec.scope.workspace`
// +kubebuilder:selectablefield:JSONPath=`.spec.scope.project`
// +kubebuilder:selectablefield:JSONPath=`.status.creator`
// +kubebuilder:selectablefield:JSONPath=`.status.phase`
type PermissionGrant struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec PermissionGrantSpec `json:"spec"`
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status PermissionGrantStatus `json:"status,omitzero"`
}

// CommonStatus implements Object.
func (o *PermissionGrant) CommonStatus() *CommonStatus { return &o.Status.CommonStatus }

// Declared implements Object.
func (o *PermissionGrant) Declared() any { return &o.Spec }

// PermissionGrantList is a list of PermissionGrants.
// +kubebuilder:object:root=true
type PermissionGrantList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []PermissionGrant `json:"items"`
}

func init() { register(&PermissionGrant{}, &PermissionGrantList{}) }

// GrantPhase says where in its life something is that begins or ends by itself.
// +kubebuilder:validation:Enum=Pending;Active;Expired
type GrantPhase string

// The phases.
const (
	// PhasePending is before the start.
	PhasePending GrantPhase = "Pending"
	// PhaseActive is from the start on, until the deadline.
	PhaseActive GrantPhase = "Active"
	// PhaseExpired is from the deadline on.
	PhaseExpired GrantPhase = "Expired"
)

// A duration has a rule for each mistake, so that the message fits. The bounds on digits keep the sum
// of all units within what can be counted in nanoseconds.

// Duration is a length of time: ISO 8601 with whole weeks, days, hours, minutes and seconds, as in PT8H,
// P1DT12H or P2W, or Go's form with whole hours, minutes and seconds, as in 8h or 1h30m. A day is 24
// hours. Months and years have no fixed length: write days. At most 999 weeks, 9999 days, 99999 hours,
// 999999 minutes and 99999999 seconds.
// +kubebuilder:validation:MinLength=2
// +kubebuilder:validation:MaxLength=36
// +kubebuilder:validation:XValidation:rule="!self.matches('^P[^T]*[0-9][MY]')",message="a month has no fixed length: write P30D, and P365D for a year"
// +kubebuilder:validation:XValidation:rule="self.matches('^P[^T]*[0-9][MY]') || self.matches('[0-9]') && (self.matches('^P([0-9]+W)?([0-9]+D)?(T([0-9]+H)?([0-9]+M)?([0-9]+S)?)?$') && !self.endsWith('T') || self.matches('^([0-9]+h)?([0-9]+m)?([0-9]+s)?$'))",message="must be of whole weeks, days, hours, minutes and seconds in this order, as in PT8H, P1DT12H, P2W, 8h or 1h30m"
// +kubebuilder:validation:XValidation:rule="!self.matches('[0-9]') || self.matches('[1-9]')",message="must be longer than nothing: write how long, as in PT8H"
// +kubebuilder:validation:XValidation:rule="!self.matches('[0-9]{4}W|[0-9]{5}D|[0-9]{6}[Hh]|[0-9]{7}[Mm]|[0-9]{9}')",message="is too long: at most 999 weeks, 9999 days, 99999 hours, 999999 minutes and 99999999 seconds"
type Duration string

// The value of a tag has a type of its own for its bound: without one, its rule would exceed the API
// server's budget for CEL.

// TagValue is the value of a tag: up to 256 ASCII letters, digits, underscores and blanks. Empty means
// none.
// +kubebuilder:validation:MaxLength=256
// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9_ ]*$')",message="must be of ASCII letters, digits, underscores and blanks, or empty for none"
type TagValue string

// The years of its instants are bounded, because beyond year 1 and 9999 neither a decision nor a status
// can tell them.

// TemporaryPermissionGrantSpec gives a permission to a user for a time.
// +kubebuilder:validation:XValidation:rule="has(self.duration) != has(self.expiresAt)",message="set exactly one of duration and expiresAt"
// +kubebuilder:validation:XValidation:rule="!has(self.startsAt) || !has(self.expiresAt) || self.startsAt < self.expiresAt",message="must be after startsAt: choose a later deadline, or make another grant with an earlier start",fieldPath=".expiresAt"
// +kubebuilder:validation:XValidation:rule="!has(self.ttlAfterExpired) || has(self.expiresAt) || has(self.startsAt)",message="needs expiresAt or startsAt: a grant with duration alone that is deleted and applied again would begin anew",fieldPath=".ttlAfterExpired"
// +kubebuilder:validation:XValidation:rule="has(self.startsAt) == has(oldSelf.startsAt) && (!has(self.startsAt) || self.startsAt == oldSelf.startsAt)",message="can't be set, changed or removed later: make another grant, and delete this one",fieldPath=".startsAt"
// +kubebuilder:validation:XValidation:rule="self.?scope.workspace == oldSelf.?scope.workspace && self.?scope.project == oldSelf.?scope.project && self.?scope.resource == oldSelf.?scope.resource",message="can't be set, changed or removed later: make another grant, and delete this one",fieldPath=".scope"
// +kubebuilder:validation:XValidation:rule="dyn(self).all(field, field != 'scope' || field in dyn(self))",message="scope can't be null: write {} or leave the field out to mean the whole organization",fieldPath=".scope"
// +kubebuilder:validation:XValidation:rule="dyn(self).all(field, field != 'startsAt' || field in dyn(self))",message="startsAt can't be null: write when the grant begins, or leave the field out to begin when it is created",fieldPath=".startsAt"
// +kubebuilder:validation:XValidation:rule="has(self.accessRequest) == has(oldSelf.accessRequest) && (!has(self.accessRequest) || self.accessRequest == oldSelf.accessRequest)",message="can't be set, changed or removed later: only the operator makes what an AccessRequest gives",fieldPath=".accessRequest"
type TemporaryPermissionGrantSpec struct {
	// user is the name of the User who gets the permission, and who may be declared later. It can't be
	// changed.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a User: lower-case letters, digits, '-' and '.', with a letter or digit at both ends and around each '.'"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="can't be changed: make another grant, and delete this one"
	User string `json:"user"`

	// permissionGrant is what the user gets. It can't be changed.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="can't be changed: make another grant, and delete this one"
	// +kubebuilder:validation:XValidation:rule="self.permission.trim() != ''",message="must not be blank: write the name of a permission that a ResourceType declares",fieldPath=".permission"
	// +kubebuilder:validation:XValidation:rule=`dyn(self).size() == 1 || has(self.conditions) && self.conditions.all(a, c, a != "" && a.size() <= 128 && dyn(c).size() == 2 && (has(c.value) ? c.type in ['Equals', 'NotEquals'] || c.type != 'In' && c.value.matches(r'^[-+.\deE]+$') : c.type == 'In'))`,messageExpression=`!has(self.conditions) ? "conditions can't be null: name at least one, or leave the field out to give the permission without conditions" : self.conditions.exists(a, a == "" || a.size() > 128) ? "an attribute's name has 1 to 128 characters: write one that the permission's ResourceType declares" : self.conditions.exists(a, c, dyn(c).size() != 2 || has(c.value) == (c.type == 'In')) ? "%s: set values, with at least one, for In, and value for every other type, never both".format([self.conditions.transformList(a, c, dyn(c).size() != 2 || has(c.value) == (c.type == 'In'), a)]) : "%s.value must be a number for LessThan, LessThanOrEqual, GreaterThan and GreaterThanOrEqual, as in '1000'".format([self.conditions.transformList(a, c, !(c.type in ['Equals', 'NotEquals', 'In']), a)])`,message="conditions can't be null, an attribute's name has 1 to 128 characters, and a condition has values for In and value for every other type, a number for LessThan and the like",fieldPath=".conditions"
	PermissionGrant PermissionEntry `json:"permissionGrant"`

	// scope is where: there and everywhere below. With resource.id it is one object; with resource.type
	// alone it is every object of that type there. Either way the permission must be one of that type.
	// Left out, or empty: the whole organization. Null is refused. It can't be changed.
	// +optional
	// +nullable
	Scope Scope `json:"scope,omitzero"`

	// startsAt is when the grant begins, in the past or the future, as in 2030-01-31T08:00:00Z. Left out:
	// when it is created or, if that is earlier, when the annotation authz.bailiwick.dev/granted-at says,
	// so that a grant that is restored from a backup keeps the start that it had. Null is refused. It
	// can't be changed.
	// +optional
	// +nullable
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('2000-01-01T00:00:00Z') && self < timestamp('3000-01-01T00:00:00Z')",message="must be in the years 2000 to 2999"
	StartsAt *metav1.Time `json:"startsAt,omitempty"`

	// duration is how long the grant lasts from its start, as in PT8H or 8h. Exactly one of duration and
	// expiresAt is set. With duration and no startsAt, deleting the grant and applying it again begins
	// anew: in git, write expiresAt, or startsAt too.
	// +optional
	Duration *Duration `json:"duration,omitempty"`

	// expiresAt is the deadline, as in 2030-01-31T17:00:00Z: from this instant on, nothing is granted. It
	// must be after startsAt. One in the past is accepted, and the grant is expired. Exactly one of
	// duration and expiresAt is set.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('2000-01-01T00:00:00Z') && self < timestamp('3000-01-01T00:00:00Z')",message="must be in the years 2000 to 2999"
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`

	// justification says for people why the grant is needed: up to 1024 characters, at least 10 of them
	// without counting blanks at both ends. It can't be changed.
	// +required
	// +kubebuilder:validation:MinLength=10
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.trim().size() >= 10",message="must have at least 10 characters, surrounding blanks not counted: say why the grant is needed"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="can't be changed: make another grant, and delete this one"
	Justification string `json:"justification"`

	// tags are for people and reports, as in ticket: INC 4711. Up to 20, with keys of 1 to 63 and values
	// of up to 256 ASCII letters, digits, underscores and blanks. An empty value means that the tag has
	// none. Left out: there are no tags.
	// +optional
	// +kubebuilder:validation:MaxProperties=20
	// +kubebuilder:validation:XValidation:rule="self.all(key, key.size() <= 63 && key.matches('^[A-Za-z0-9_ ]+$'))",message="a tag's key has 1 to 63 ASCII letters, digits, underscores and blanks"
	Tags map[string]TagValue `json:"tags,omitempty"`

	// ttlAfterExpired is how long the object stays after its deadline before the operator deletes it, as
	// in P30D. It needs expiresAt or startsAt. Left out: it stays, so that git and the cluster agree.
	// +optional
	TTLAfterExpired *Duration `json:"ttlAfterExpired,omitempty"`

	// accessRequest is the AccessRequest that this was made for. It then gives nothing but while that request is in
	// force. Only the operator sets it, when it creates the object. Left out: it was made for none.
	// +optional
	AccessRequest *AccessRequestReference `json:"accessRequest,omitempty"`
}

// TemporaryPermissionGrantStatus is what the operator has found.
type TemporaryPermissionGrantStatus struct {
	CommonStatus `json:",inline"`

	// phase is Pending before the start, Active from then on, and Expired from the deadline on. Whether
	// the permission is granted while it is Active is said by inForce.
	// +optional
	Phase GrantPhase `json:"phase,omitempty"`

	// startsAt is when the grant begins, or began (UTC).
	// +optional
	StartsAt *metav1.Time `json:"startsAt,omitempty"`

	// expiresAt is the deadline (UTC). It is earlier than the spec says where the organization's
	// temporaryGrants.maxDuration does not allow as much.
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`

	// scope is where, as a path from the organization down, as in acme/prod/vision. Empty until the
	// operator has seen the object.
	// +optional
	Scope string `json:"scope,omitempty"`

	// inForce says whether the permission is granted now.
	// +optional
	// +kubebuilder:default=false
	InForce bool `json:"inForce"`

	// creator is who made the grant, as the API server knows them, where the webhook is installed.
	// +optional
	Creator string `json:"creator,omitempty"`

	// permissions is the outcome of spec.permissionGrant. Empty once the grant has expired, and while a
	// fault of the whole object, which the condition Ready names, grants nothing.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1
	Permissions []PermissionOutcome `json:"permissions,omitempty"`
}

// TemporaryPermissionGrant gives a permission to a user until a deadline. The deadline is part of every
// decision, so that it is kept also while the operator is down.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=tpg,categories={authz,authz-all}
// +kubebuilder:printcolumn:name="User",type=string,JSONPath=`.spec.user`
// +kubebuilder:printcolumn:name="Permission",type=string,JSONPath=`.spec.permissionGrant.permission`
// +kubebuilder:printcolumn:name="Scope",type=string,JSONPath=`.status.scope`
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.status.expiresAt`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="In force",type=boolean,JSONPath=`.status.inForce`,priority=1
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Paused",type=string,JSONPath=`.status.conditions[?(@.type=="Paused")].status`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:selectablefield:JSONPath=`.spec.user`
// +kubebuilder:selectablefield:JSONPath=`.spec.permissionGrant.permission`
// +kubebuilder:selectablefield:JSONPath=`.spec.scope.workspace`
// +kubebuilder:selectablefield:JSONPath=`.spec.scope.project`
// +kubebuilder:selectablefield:JSONPath=`.status.phase`
// +kubebuilder:selectablefield:JSONPath=`.status.creator`
type TemporaryPermissionGrant struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec TemporaryPermissionGrantSpec `json:"spec"`
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status TemporaryPermissionGrantStatus `json:"status,omitzero"`
}

// CommonStatus implements Object.
func (o *TemporaryPermissionGrant) CommonStatus() *CommonStatus { return &o.Status.CommonStatus }

// Declared implements Object.
func (o *TemporaryPermissionGrant) Declared() any { return &o.Spec }

// TemporaryPermissionGrantList is a list of TemporaryPermissionGrants.
// +kubebuilder:object:root=true
type TemporaryPermissionGrantList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []TemporaryPermissionGrant `json:"items"`
}

func init() { register(&TemporaryPermissionGrant{}, &TemporaryPermissionGrantList{}) }
