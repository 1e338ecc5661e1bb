package state

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

type membership struct {
	object  *v1alpha1.GroupMembershipSpec
	age     metav1.Time
	uid     types.UID
	outcome Outcome
	desired desired
	// seenToEnd is as evaluateWindow has it.
	seenToEnd bool
	authored  authored
}

func (n *membership) effective() v1alpha1.Object {
	if n.object == nil {
		return nil
	}
	return &v1alpha1.GroupMembership{ObjectMeta: metav1.ObjectMeta{UID: n.uid}, Spec: *n.object}
}

func (n *membership) lastOutcome() Outcome { return n.outcome }

// membershipKeeper keeps GroupMemberships.
type membershipKeeper struct{}

func (membershipKeeper) find(t *tenant, ref kinds.Ref) node { return nodeAt(t.memberships, ref.Key()) }

func (membershipKeeper) each(t *tenant) iter.Seq2[kinds.Ref, node] {
	return eachIn(kinds.GroupMembership, t.memberships)
}

func (membershipKeeper) evaluate(e *evaluation) { e.evaluateMemberships() }

func (membershipKeeper) set(e *evaluation, ref kinds.Ref, object v1alpha1.Object) {
	o, key := object.(*v1alpha1.GroupMembership), ref.Key()
	spec := o.Spec
	node := ensure(e.tenant.memberships, key)
	node.object, node.age, node.uid = &spec, o.CreationTimestamp, o.UID
	node.seenToEnd = seenToEnd(spec.Window, o.Status.WindowStatus)
	e.tenant.named.indexMembership(&spec, key, true)
	e.markSameMembership(pair{key.Namespace, spec.User, spec.Group})
}

func (membershipKeeper) delete(e *evaluation, ref kinds.Ref) {
	key := ref.Key()
	node := e.tenant.memberships[key]
	e.tenant.named.indexMembership(node.object, key, false)
	e.markSameMembership(pair{key.Namespace, node.object.User, node.object.Group})
	node.object = nil
}

// brake: an earlier end counts at once.
func (membershipKeeper) brake(kept, written v1alpha1.Object) {
	endEarlier(&kept.(*v1alpha1.GroupMembership).Spec.Window, written.(*v1alpha1.GroupMembership).Spec.Window)
}

func (membershipKeeper) sameStatus(was, is v1alpha1.Object) bool {
	w, i := was.(*v1alpha1.GroupMembership), is.(*v1alpha1.GroupMembership)
	return sameEndSeen(i.Spec.Window, w.Status.WindowStatus, i.Status.WindowStatus)
}

// receivers: a group gets nothing by its members.
func (membershipKeeper) receivers(object v1alpha1.Object) []receiver {
	return []receiver{{"spec.user", kinds.User, object.(*v1alpha1.GroupMembership).Spec.User}}
}

// markSameMembership are the memberships of one user in one group: which of them holds may change.
func (e *evaluation) markSameMembership(of pair) {
	e.markAll(kinds.GroupMembership, e.tenant.named.sameMembership[of])
}

// evaluateMemberships evaluates those of one user in one group together: which of them holds, and what the store takes
// of them, is decided for all of them at once.
func (e *evaluation) evaluateMemberships() {
	t, done := e.tenant, set[pair]{}
	for key := range e.marked[kinds.GroupMembership] {
		node := t.memberships[key]
		if node.object == nil {
			delete(t.memberships, key)
			e.setMembership(key, node, Outcome{}, desired{})
			continue
		}
		if of := (pair{key.Namespace, node.object.User, node.object.Group}); !done.has(of) {
			done.add(of)
			e.evaluateMembershipsOf(of)
		}
	}
}

// taken is what the store takes of older memberships of the same user and group.
type taken struct {
	// holder is the one that holds for good, and duplicates how many others would.
	holder     string
	duplicates int
	windows    []policy.Window
	grants     []policy.Grant
}

func (e *evaluation) evaluateMembershipsOf(of pair) {
	t, taken := e.tenant, taken{}
	for _, key := range slices.SortedFunc(maps.Keys(t.named.sameMembership[of]), t.compareMemberships) {
		node := t.memberships[key]
		why, waits := e.isAuthored(kinds.Named(kinds.GroupMembership, key), &node.authored)
		if waits {
			continue // what becomes of all of them is decided again then
		}
		outcome, wants := t.evaluateMembership(key, node, &taken, why)
		if why != nil && outcome.Reason != why.Reason {
			e.authorless(kinds.Named(kinds.GroupMembership, key)) // it gives nothing, whoever wrote it
		}
		e.setMembership(key, node, outcome, wants)
	}
	e.protection.add(types.NamespacedName{Namespace: of.organization, Name: of.user}) // who has a role through the group now
}

func (e *evaluation) setMembership(key types.NamespacedName, node *membership, outcome Outcome, wants desired) {
	ref := kinds.Named(kinds.GroupMembership, key)
	e.setOutcome(ref, &node.outcome, outcome)
	e.setDesired(ref, &node.desired, wants)
}

// compareMemberships orders memberships by age.
func (t *tenant) compareMemberships(a, b types.NamespacedName) int {
	return cmp.Or(t.memberships[a].age.Time.Compare(t.memberships[b].age.Time), strings.Compare(a.Name, b.Name))
}

func (t *tenant) evaluateMembership(key types.NamespacedName, node *membership, taken *taken, unauthored *Outcome) (Outcome, desired) {
	spec := node.object
	life, over := t.evaluateWindow(spec.Window, node.seenToEnd)
	if over != nil {
		return *over, desired{}
	}
	nothing := func(why *Outcome) (Outcome, desired) { return t.withLife(*why, life), desired{} }

	if _, ungoverned := t.governed(key.Namespace); ungoverned != nil {
		return nothing(ungoverned)
	}
	// One that holds for a time adds to the others.
	forGood := life == policy.Lifetime{}
	if forGood && taken.holder != "" {
		message := fmt.Sprintf("the older GroupMembership %s is of the same user and group, and holds: delete one of the two", taken.holder)
		if taken.duplicates++; taken.duplicates > 1 { // says nothing that changes when one of many comes or goes
			message = "several older GroupMemberships are of the same user and group, and one holds: find them with kubectl get groupmemberships and delete all but one"
		}
		return nothing(&Outcome{Reason: v1alpha1.ReasonDuplicate, Stalled: true, Message: message})
	}
	if _, unresolved := t.resolveGroup("spec.group", sibling(key, spec.Group)); unresolved != nil {
		return nothing(unresolved)
	}
	subject, unresolved := t.resolveUser("spec.user", sibling(key, spec.User))
	if unresolved != nil {
		return nothing(unresolved)
	}
	if unauthored != nil {
		return nothing(unauthored)
	}
	if forGood {
		taken.holder = key.Name
	} else {
		windows, rejected := t.admitWindow(taken.windows, life.Window(), kinds.GroupMembership)
		if rejected != nil {
			return nothing(rejected)
		}
		taken.windows = windows
	}
	outcome, wants := t.evaluateMember(key, spec, subject, life.Window(), taken)
	return t.inWindow(outcome, life), wants
}

// evaluateMember says what a membership that holds gives.
func (t *tenant) evaluateMember(key types.NamespacedName, spec *v1alpha1.GroupMembershipSpec, subject string, window policy.Window, taken *taken) (Outcome, desired) {
	group := objectid.Group(key.Namespace, spec.Group)
	outcome := Outcome{Reason: v1alpha1.ReasonInForce, Ready: true, InForce: true, Message: "a member of the group"}
	wants := desired{facts: entitlement.Facts{Membership: &entitlement.Membership{User: spec.User, Group: spec.Group, Window: window}}}
	wants.shares = []share{shareIn(tuples.Member(group, subject), window)}
	if spec.Role != v1alpha1.GroupAdmin {
		return outcome, wants
	}
	outcome.Message = "an admin of the group"
	wants.shares = append(wants.shares, shareIn(tuples.Admin(group, subject), window))
	configurable := t.groups[sibling(key, spec.Group)].object.Spec.ConfigurablePermissions
	outcome.Permissions = configured(configurable, spec.ConfigurablePermissions)
	var grants []policy.Grant
	unknown := 0
	for _, permission := range outcome.Permissions {
		switch {
		case permission.Granted:
			grants = append(grants, policy.Grant{Permission: permission.Permission, Window: window})
		case permission.Reason == v1alpha1.ReasonPermissionNotFound:
			unknown++
		}
	}
	if unknown > 0 {
		outcome.Ready, outcome.Reason = false, v1alpha1.ReasonPermissionsInvalid
		outcome.Message = fmt.Sprintf("spec.configurablePermissions.overrides: the Group %s does not have %d of the %d, which status.permissions names: correct the names, or add them to its configurablePermissions; all else holds",
			spec.Group, unknown, len(spec.ConfigurablePermissions.Overrides))
	}
	with := policy.Merge(append(slices.Clone(taken.grants), grants...))
	if _, err := tuples.Contexts(with, 1); err != nil {
		configurableTooLarge(&outcome, spec.Group)
		return outcome, wants
	}
	if taken.grants = with; len(grants) > 0 {
		wants.shares = append(wants.shares, share{tuples.GrantCell(group, subject), grants})
		for _, grant := range grants {
			wants.facts.Membership.Permissions = append(wants.facts.Membership.Permissions, grant.Permission)
		}
	}
	return outcome, wants
}

// configurableTooLarge says that an admin has none of a group's configurable permissions.
func configurableTooLarge(outcome *Outcome, group string) {
	outcome.Ready, outcome.Stalled, outcome.Reason = false, true, v1alpha1.ReasonPermissionsInvalid
	outcome.Message = fmt.Sprintf("the configurablePermissions of the Group %s do not fit into the store, so its admins have none of them: shorten the names, or take some out; all else holds", group)
	for n := range outcome.Permissions {
		if outcome.Permissions[n].Granted {
			outcome.Permissions[n].Granted, outcome.Permissions[n].Reason = false, v1alpha1.ReasonContextTooLarge
			outcome.Permissions[n].Message = "with the others, it does not fit into the store"
		}
	}
}

// configured says of each configurable permission of a group whether an admin has it, and names the
// overrides that are none.
func configured(configurable []string, chosen *v1alpha1.ConfigurablePermissions) []v1alpha1.PermissionOutcome {
	if chosen == nil {
		chosen = &v1alpha1.ConfigurablePermissions{Mode: v1alpha1.ConfigurableAll}
	}
	outcomes := make([]v1alpha1.PermissionOutcome, 0, len(configurable))
	for _, permission := range slices.Sorted(slices.Values(configurable)) {
		enabled := chosen.Mode != v1alpha1.ConfigurableNone
		if override, given := chosen.Overrides[permission]; given && chosen.Mode == v1alpha1.ConfigurableCustom {
			enabled = override
		}
		outcome := v1alpha1.PermissionOutcome{Permission: permission, Granted: enabled, Reason: v1alpha1.ReasonGranted}
		if !enabled {
			outcome.Reason = v1alpha1.ReasonDisabled
		}
		outcomes = append(outcomes, outcome)
	}
	for _, name := range slices.Sorted(maps.Keys(chosen.Overrides)) {
		if !slices.Contains(configurable, name) {
			outcomes = append(outcomes, v1alpha1.PermissionOutcome{
				Permission: name, Reason: v1alpha1.ReasonPermissionNotFound, Message: "the group has no such configurable permission",
			})
		}
	}
	return outcomes
}
