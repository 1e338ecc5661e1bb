package state

import (
	"maps"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// isAuthored says what becomes of an object that gives something if its author could give it: it does so, or why it gives
// nothing. Where that has still to be judged it goes on to give what it gave, until the evaluation does so in its end.
func (e *evaluation) isAuthored(ref kinds.Ref, a *authored) (why *Outcome, wait bool) {
	t := e.tenant
	why = t.unconfirmed(ref, a)
	if why == nil {
		a.passed = a.passed || t.common.judges.Load() // it takes effect
		e.authorless(ref)
		return nil, false
	}
	t.unauthored.add(ref)
	e.markHistory(ref)
	if !e.judged.has(ref) {
		e.unjudged.add(ref)
	}
	return why, t.common.judges.Load() && !a.judged
}

// authorless notes that it does not matter who wrote an object: nothing is in its way, or it gives nothing anyhow.
func (e *evaluation) authorless(ref kinds.Ref) {
	e.markHistory(ref)
	e.tenant.unauthored.remove(ref)
}

// toJudge are the objects to judge after what has been evaluated: these themselves, and those that depend on it.
func (e *evaluation) toJudge() set[kinds.Ref] {
	t := e.tenant
	if !t.common.judges.Load() {
		return nil
	}
	everything := e.judgesAll || !t.judging // what was followed until now
	t.judging = true
	if len(t.unauthored.objects) == 0 {
		return nil
	}
	refs := e.unjudged
	if everything {
		for ref := range t.unauthored.objects {
			refs.add(ref)
		}
		return refs
	}
	e.touchHolders()
	for what := range e.touched {
		maps.Copy(refs, t.unauthored.by[what])
	}
	return refs
}

// touchHolders notes who may hold something else by what has been evaluated.
func (e *evaluation) touchHolders() {
	t := e.tenant
	given := func(ref kinds.Ref) {
		if node := t.find(ref); authorshipOf(node) != nil {
			for _, to := range keeperOf(ref.Kind).receivers(node.effective()) {
				e.touchHolder(to.kind, to.name)
			}
		}
	}
	to := func(who entitlement.Principal) {
		e.touchHolder(kinds.User, who.User)
		e.touchHolder(kinds.Group, who.Group)
	}
	for _, update := range e.entitlements {
		if update.Role != nil {
			for key := range t.named.assignedRole[types.NamespacedName{Namespace: t.name, Name: update.Role.Name}] {
				given(kinds.Named(kinds.RoleAssignment, key))
			}
		}
		for _, facts := range []entitlement.Facts{update.Old, update.New} {
			switch {
			case facts.Binding != nil:
				to(facts.Binding.Principal)
			case facts.Grants != nil:
				to(facts.Grants.Principal)
			case facts.Membership != nil:
				e.touchHolder(kinds.User, facts.Membership.User)
			}
		}
	}
	for _, ref := range e.change.Outcomes {
		given(ref) // as when it begins
	}
}

// touchHolder notes that those of a name may hold something else.
func (e *evaluation) touchHolder(kind, name string) {
	t, key := e.tenant, types.NamespacedName{Namespace: e.tenant.name, Name: name}
	switch kind {
	case kinds.User:
		if node := t.users[key]; node != nil && node.object != nil {
			e.touched.add(dependency{subject: node.object.Spec.Subject})
		}
	case kinds.Group:
		for membership := range t.named.membershipsOfGroup[key] {
			e.touchHolder(kinds.User, t.memberships[membership].object.User)
		}
	case kinds.Invitation:
		if node := t.invitations[key]; node != nil {
			e.touchHolder(kinds.User, node.acceptedBy)
		}
	}
}

// judgeAuthors looks at whether those could give it who wrote, and who made the names in, what gives nothing for that reason.
// It says whether there is something to evaluate again.
func (e *evaluation) judgeAuthors(refs set[kinds.Ref]) (again bool) {
	t := e.tenant
	for ref := range refs {
		if !t.unauthored.has(ref) {
			continue // it was evaluated again meanwhile, and gives nothing whoever wrote it
		}
		t.checked.Add(1)
		a, object := t.authoredOf(ref), t.effectiveNamed(ref)
		names := t.namesIn(object, a.by)
		found := t.judgeAuthor(a, object, names)
		t.unauthored.dependOn(ref, t.dependencies(a, object, names))
		said := ""
		if why := t.unconfirmed(ref, a); why != nil {
			said = why.Message
		}
		if a.judged && said == a.said && !found {
			continue
		}
		a.said = said
		a.judged, again = true, true
		e.judged.add(ref)
		e.mark(ref)
	}
	return again
}

// judgeAuthor looks at whether its author could give what an object gives, and the makers of the names in it. What was found
// stays so, as long as the names are there. It says whether it has found something.
func (t *tenant) judgeAuthor(a *authored, object v1alpha1.Object, names []name) (found bool) {
	a.missing = ""
	var old client.Object
	if a.before != nil {
		old = a.before
	}
	switch {
	case a.passed:
	case a.by.Verb != "":
		a.passed = t.suspendedAuthor(a.by) == ""
		found = a.passed
	default:
		missing := t.missing(a.by.Subject, old, object)
		a.passed, a.missing = missing.Empty(), missing.text()
		found = a.passed
	}
	there := set[types.UID]{}
	for _, n := range names {
		there.add(n.uid)
		if !a.passed || n.isSure(a.by) || a.names.has(n.uid) {
			continue
		}
		had := old
		if !a.namedBefore.has(n.uid) {
			had = nil
		}
		if missing := t.missing(n.makerSubject, had, object); missing.Empty() {
			a.confirms(n.uid)
			found = true
		} else {
			a.missing = missing.text()
		}
	}
	maps.DeleteFunc(a.names, func(uid types.UID, _ struct{}) bool { return !there.has(uid) })
	return found
}

// dependencies are what judgeAuthor depends on. Who stands for nobody holds nothing, whatever changes.
func (t *tenant) dependencies(a *authored, object v1alpha1.Object, names []name) (on []dependency) {
	subjects := []string{a.by.Subject}
	if a.by.Verb != "" && !a.passed {
		subjects = append(subjects, t.machines(a.by)...)
	}
	for _, n := range names {
		if n.stamped {
			subjects = append(subjects, n.makerSubject)
		}
	}
	for _, subject := range subjects {
		if subject != "" {
			on = append(on, dependency{subject: subject})
		}
	}
	for _, given := range []v1alpha1.Object{a.before, object} {
		if assignment, ok := given.(*v1alpha1.RoleAssignment); ok {
			on = append(on, dependency{role: assignment.Spec.RoleRef.Name})
		}
	}
	return on
}
