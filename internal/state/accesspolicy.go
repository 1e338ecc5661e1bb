package state

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/access"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

type accessPolicy struct {
	object  *v1alpha1.AccessPolicy
	outcome Outcome
	// offers is what can be asked for by it, nil where nothing can.
	offers *access.Policy
}

func (n *accessPolicy) effective() v1alpha1.Object { return orNil(n.object) }

func (n *accessPolicy) lastOutcome() Outcome { return n.outcome }

// accessPolicyKeeper keeps AccessPolicies.
type accessPolicyKeeper struct{ plain }

func (accessPolicyKeeper) find(t *tenant, ref kinds.Ref) node { return nodeAt(t.policies, ref.Key()) }

func (accessPolicyKeeper) each(t *tenant) iter.Seq2[kinds.Ref, node] {
	return eachIn(kinds.AccessPolicy, t.policies)
}

func (accessPolicyKeeper) evaluate(e *evaluation) {
	e.markAccess()
	for key := range e.marked[kinds.AccessPolicy] {
		e.evaluateAccessPolicy(key)
	}
}

func (accessPolicyKeeper) set(e *evaluation, ref kinds.Ref, object v1alpha1.Object) {
	o := object.(*v1alpha1.AccessPolicy)
	ensure(e.tenant.policies, ref.Key()).object = &v1alpha1.AccessPolicy{ObjectMeta: nameAndAge(o), Spec: o.Spec}
}

func (accessPolicyKeeper) delete(e *evaluation, ref kinds.Ref) {
	e.tenant.policies[ref.Key()].object = nil
}

func (accessPolicyKeeper) receivers(object v1alpha1.Object) (named []receiver) {
	spec := &object.(*v1alpha1.AccessPolicy).Spec
	add := func(field string, subjects *v1alpha1.AccessSubjects) {
		for _, name := range subjects.Users {
			named = append(named, receiver{field + ".users", kinds.User, name})
		}
		for _, name := range subjects.Groups {
			named = append(named, receiver{field + ".groups", kinds.Group, name})
		}
	}
	add("spec.requesters", &spec.Requesters)
	if spec.Approvals != nil {
		add("spec.approvals.from", &spec.Approvals.From)
	}
	return named
}

func (e *evaluation) evaluateAccessPolicy(key types.NamespacedName) {
	t := e.tenant
	node := t.policies[key]
	now := Outcome{}
	if node.object == nil {
		delete(t.policies, key)
	} else {
		now, node.offers = t.evaluatePolicy(key, node.object)
	}
	e.setOutcome(kinds.Named(kinds.AccessPolicy, key), &node.outcome, now)
}

// evaluatePolicy says what a policy offers, and what is the matter with the rest of it.
func (t *tenant) evaluatePolicy(key types.NamespacedName, object *v1alpha1.AccessPolicy) (Outcome, *access.Policy) {
	if _, ungoverned := t.governed(key.Namespace); ungoverned != nil {
		return *ungoverned, nil
	}
	offers, err := t.offersOf(object)
	if err != nil {
		return Outcome{Reason: v1alpha1.ReasonDurationInvalid, Stalled: true, Message: err.Error()}, nil
	}
	for n := range object.Spec.Scopes {
		if _, unresolved := t.resolveScope(key.Namespace, &object.Spec.Scopes[n]); unresolved != nil {
			unresolved.Message = strings.Replace(unresolved.Message, "spec.scope", fmt.Sprintf("spec.scopes[%d]", n), 1)
			return *unresolved, offers
		}
	}
	for _, name := range object.Spec.Roles {
		if node := t.roles[sibling(key, name)]; node == nil || node.object == nil {
			return Outcome{Reason: v1alpha1.ReasonRoleNotFound, Message: fmt.Sprintf(
				"spec.roles: there is no Role %s in this namespace: correct the name, or create it; the others can be asked for", name)}, offers
		}
	}
	for n, written := range object.Spec.Permissions {
		if _, fault := policy.ParseEntry(written, t.catalogue, ""); fault != nil {
			return Outcome{Reason: v1alpha1.ReasonPermissionsInvalid, Stalled: !policy.CanComeByItself(fault.Reason), Message: fmt.Sprintf(
				"spec.permissions[%d]: %s: %s; the others can be asked for", n, written.Permission, fault.Message)}, offers
		}
	}
	if missing := offers.Approvals - t.deciders(key.Namespace, offers, offers.Approvals); missing > 0 {
		return Outcome{Reason: v1alpha1.ReasonNobodyDecides, Message: fmt.Sprintf(
			"spec.approvals: %d have to approve, and %d Users in force who may are missing: name others in spec.approvals.from, or make them members of its groups, for good", offers.Approvals, missing)}, offers
	}
	return Outcome{Reason: v1alpha1.ReasonValid, Ready: true, Message: "people can ask by this policy"}, offers
}

// offersOf reads a policy. What of it can't be read, or is nowhere, is not offered.
func (t *tenant) offersOf(object *v1alpha1.AccessPolicy) (*access.Policy, error) {
	spec := &object.Spec
	offers := &access.Policy{
		Name: object.Name, UID: object.UID, Requesters: access.Subjects(spec.Requesters), Roles: spec.Roles,
		RequiredTags: spec.RequiredTags, OnlyByName: spec.OnlyByName,
	}
	var err error
	if offers.Longest, err = policy.ParseDuration(spec.MaxDuration); err != nil {
		return nil, fmt.Errorf("spec.maxDuration: %w", err)
	}
	if asked := spec.Approvals; asked != nil {
		offers.Approvals, offers.Deciders, offers.Within = max(1, int(asked.Count)), access.Subjects(asked.From), access.DecideWithin
		if asked.Within != "" {
			if offers.Within, err = policy.ParseDuration(asked.Within); err != nil {
				return nil, fmt.Errorf("spec.approvals.within: %w", err)
			}
		}
	}
	for n := range spec.Scopes {
		if path, unresolved := t.resolveScope(object.Namespace, &spec.Scopes[n]); unresolved == nil {
			offers.Scopes = append(offers.Scopes, path)
		}
	}
	for _, written := range spec.Permissions {
		if granted, fault := policy.ParseEntry(written, t.catalogue, ""); fault == nil {
			offers.Grants = append(offers.Grants, granted)
		}
	}
	return offers, nil
}

// deciders counts the Users in force who may decide by a policy, as far as enough.
func (t *tenant) deciders(namespace string, offers *access.Policy, enough int) int {
	known := set[string]{}
	for _, user := range offers.Deciders.Users {
		if len(known) < enough && t.active(types.NamespacedName{Namespace: namespace, Name: user}) {
			known.add(user)
		}
	}
	for _, group := range offers.Deciders.Groups {
		for key := range t.named.membershipsOfGroup[types.NamespacedName{Namespace: namespace, Name: group}] {
			if len(known) >= enough {
				break
			}
			if node := t.memberships[key]; node.forGood() {
				known.add(node.object.User)
			}
		}
	}
	return len(known)
}

// forGood says whether a membership is in force and has no end.
func (m *membership) forGood() bool {
	return m.object != nil && m.outcome.InForce && m.object.ExpiresAt == nil
}

// groupsOf says in which groups a user is for good: what is held until a deadline gives no right over requests.
func (t *tenant) groupsOf(namespace, user string) func(group string) bool {
	return func(group string) bool {
		for key := range t.named.sameMembership[pair{namespace, user, group}] {
			if t.memberships[key].forGood() {
				return true
			}
		}
		return false
	}
}

// offered are the policies by which something can be asked for, of one name or, if that is empty, all.
func (t *tenant) offered() (offers []*access.Policy) {
	for _, key := range slices.SortedFunc(maps.Keys(t.policies), func(a, b types.NamespacedName) int { return strings.Compare(a.Name, b.Name) }) {
		if node := t.policies[key]; node.object != nil && node.offers != nil {
			offers = append(offers, node.offers)
		}
	}
	return offers
}
