package state

import (
	"maps"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// unauthored are the objects that give nothing because of who wrote them, or who made what they name. Anybody may write
// thousands, so a change has only those judged again that depend on what it touches.
type unauthored struct {
	// objects are all of them, with what was found last to depend on.
	objects map[kinds.Ref][]dependency
	by      index[dependency, kinds.Ref]
}

// dependency is what the judgement of an object depends on beside the object, its Organization and the catalogue: what is held by
// those who are known by a subject, or what a role gives.
type dependency struct{ subject, role string }

func newUnauthored() unauthored {
	return unauthored{objects: map[kinds.Ref][]dependency{}, by: index[dependency, kinds.Ref]{}}
}

func (u *unauthored) has(ref kinds.Ref) bool {
	_, there := u.objects[ref]
	return there
}

func (u *unauthored) add(ref kinds.Ref) {
	if !u.has(ref) {
		u.objects[ref] = nil
	}
}

func (u *unauthored) remove(ref kinds.Ref) {
	u.dependOn(ref, nil)
	delete(u.objects, ref)
}

// dependOn replaces what an object depends on.
func (u *unauthored) dependOn(ref kinds.Ref, on []dependency) {
	for _, before := range u.objects[ref] {
		u.by.remove(before, ref)
	}
	u.objects[ref] = on
	for _, now := range on {
		u.by.add(now, ref)
	}
}

// isAuthored says what becomes of an object that gives something if its author could give it: it does so, or why it gives
// nothing. Where that has still to be judged it goes on to give what it gave, until the evaluation does so in its end.
func (e *evaluation) isAuthored(ref kinds.Ref, a *authored) (why *Outcome, wait bool) {
	s := e.tenant
	why = s.unconfirmed(ref, a)
	if why == nil {
		a.passed = a.passed || s.common.judges.Load() // it takes effect
		e.authorless(ref)
		return nil, false
	}
	s.unauthored.add(ref)
	e.recall(ref)
	if !e.judged.has(ref) {
		e.unjudged.add(ref)
	}
	return why, s.common.judges.Load() && !a.judged
}

// authorless notes that it does not matter who wrote an object: nothing is in its way, or it gives nothing anyhow.
func (e *evaluation) authorless(ref kinds.Ref) {
	e.recall(ref)
	e.tenant.unauthored.remove(ref)
}

// toJudge are the objects to judge after what has been evaluated: these themselves, and those that depend on it.
func (e *evaluation) toJudge() set[kinds.Ref] {
	s := e.tenant
	if !s.common.judges.Load() {
		return nil
	}
	everything := e.judgesAll || !s.judging // what was followed until now
	s.judging = true
	if len(s.unauthored.objects) == 0 {
		return nil
	}
	refs := e.unjudged
	if everything {
		for ref := range s.unauthored.objects {
			refs.add(ref)
		}
		return refs
	}
	e.touchHolders()
	for what := range e.touched {
		maps.Copy(refs, s.unauthored.by[what])
	}
	return refs
}

// touchHolders notes who may hold something else by what has been evaluated.
func (e *evaluation) touchHolders() {
	s := e.tenant
	given := func(ref kinds.Ref) {
		if node := s.find(ref); authorshipOf(node) != nil {
			for _, to := range keeperOf(ref.Kind).receivers(node.standing()) {
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
			for key := range s.named.assignedRole[types.NamespacedName{Namespace: s.name, Name: update.Role.Name}] {
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
	s, key := e.tenant, types.NamespacedName{Namespace: e.tenant.name, Name: name}
	switch kind {
	case kinds.User:
		if node := s.users[key]; node != nil && node.object != nil {
			e.touched.add(dependency{subject: node.object.Spec.Subject})
		}
	case kinds.Group:
		for membership := range s.named.membershipsOfGroup[key] {
			e.touchHolder(kinds.User, s.memberships[membership].object.User)
		}
	case kinds.Invitation:
		if node := s.invitations[key]; node != nil {
			e.touchHolder(kinds.User, node.acceptedBy)
		}
	}
}

// judgeAuthors looks at whether those could give it who wrote, and who made the names in, what gives nothing for that reason.
// It says whether there is something to evaluate again.
func (e *evaluation) judgeAuthors(refs set[kinds.Ref]) (again bool) {
	s := e.tenant
	for ref := range refs {
		if !s.unauthored.has(ref) {
			continue // it was evaluated again meanwhile, and gives nothing whoever wrote it
		}
		s.checked.Add(1)
		a, object := s.authoredOf(ref), s.standingNamed(ref)
		names := s.namesIn(object, a.by)
		found := s.judgeAuthor(a, object, names)
		s.unauthored.dependOn(ref, s.dependencies(a, object, names))
		said := ""
		if why := s.unconfirmed(ref, a); why != nil {
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
func (s *tenant) judgeAuthor(a *authored, object v1alpha1.Object, names []name) (found bool) {
	a.missing = ""
	var old client.Object
	if a.before != nil {
		old = a.before
	}
	switch {
	case a.passed:
	case a.by.Verb != "":
		a.passed = s.suspendedAuthor(a.by) == ""
		found = a.passed
	default:
		missing := s.missing(a.by.Subject, old, object)
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
		if missing := s.missing(n.makerSubject, had, object); missing.Empty() {
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
func (s *tenant) dependencies(a *authored, object v1alpha1.Object, names []name) (on []dependency) {
	subjects := []string{a.by.Subject}
	if a.by.Verb != "" && !a.passed {
		subjects = append(subjects, s.machines(a.by)...)
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
