package state

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/enumerate"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

// authoredBy is what is known of an object that is put, of which the state holds something already.
func (t *tenant) authoredBy(object v1alpha1.Object, was authored, before v1alpha1.Object) authored {
	by := authorOf(object)
	now := authored{by: by, uid: object.GetUID()}
	if by == nil {
		return now
	}
	switch same := was.uid == now.uid; {
	case same && was.by != nil && was.by.Generation == by.Generation && was.by.Username == by.Username:
		now = was
		now.by = by
	case same && (was.by == nil || was.passed || was.by.Verb != "" && !was.by.IsUnstamped() && t.suspendedAuthor(was.by) == ""):
		now.before, now.namedBefore = before, was.names
	case same:
		now.before, now.namedBefore = was.before, was.namedBefore
	}
	now.refused, now.reported = isRefused(object), object.CommonStatus().ObservedGeneration > 0
	now.passed = now.passed || by.Verb != "" && (!mayBeSuspended(by) || isCarriedOut(object))
	noted := object.CommonStatus().Judged
	if noted != nil && noted.Generation == by.Generation {
		now.passed = true
		for _, uid := range noted.UIDs {
			now.confirms(uid)
		}
	}
	given := by.Before
	now.by = t.shareAuthor(by)
	if given != nil {
		if held, err := given.HeldTo(object); err == nil && held != nil && !now.passed {
			now.before, now.namedBefore = held, nil
			switch {
			case was.uid == now.uid && was.by != nil && was.by.Generation == given.Generation:
				now.namedBefore = was.names
			case noted != nil && noted.Generation == given.Generation:
				now.namedBefore = newSet(noted.UIDs)
			}
		}
	}
	return now
}

// shareAuthor is an author as all objects have it that say the same of theirs. What was given before is not kept: it is long, and
// needed once. Nobody changes what is shared.
func (t *tenant) shareAuthor(by *policy.Author) *policy.Author {
	by.Before = nil
	key := authorKey{Author: *by}
	if by.User != nil {
		key.User, key.user = nil, *by.User
	}
	if len(t.authors) > spareAuthors+2*(len(t.assignments)+len(t.memberships)+len(t.grants)) {
		t.authors = nil // most are of what is gone, or was edited
	}
	return shared(&t.authors, key, by)
}

// spareAuthors is how many authors are remembered to be shared, however few objects there are.
const spareAuthors = 100

// authorOf is who has written what an object gives; nil where the operator made it of what somebody has approved.
func authorOf(object v1alpha1.Object) *policy.Author {
	if by := policy.AuthorOf(object.GetAnnotations()); by != nil {
		return by
	}
	switch o := object.(type) {
	case *v1alpha1.RoleAssignment:
		if o.Spec.AccessRequest != nil {
			return nil
		}
	case *v1alpha1.TemporaryPermissionGrant:
		if o.Spec.AccessRequest != nil {
			return nil
		}
	}
	return policy.Unstamped()
}

// mayBeSuspended says whether an author need not hold what they give, but may have been suspended when they wrote it, which nobody
// looked at: only ServiceAccounts write while the operator is away, without a stamp or with one of their own.
func mayBeSuspended(by *policy.Author) bool {
	return by.Verb != "" && (by.IsUnstamped() || policy.IsServiceAccount(by.Username))
}

// giverOf is the author of an object that is of a kind that gives something to whom it names; nil where that does not matter.
func giverOf(object v1alpha1.Object) *policy.Author {
	if !kinds.CanBeInForce(kinds.RefOf(object).Kind) {
		return nil
	}
	return authorOf(object)
}

// maxBefore is the longest spec in bytes that a stamp keeps. Annotations are 256 KiB together.
const maxBefore = 64 << 10

// GivenBefore is what an object is known to give by those who could give it, which whoever changes it need not hold: what is
// written, or else what was written before that. It is nil where nothing is, and where it is too long to be kept.
func GivenBefore(object v1alpha1.Object) *policy.Before {
	by := authorOf(object)
	if by == nil {
		by = policy.Unstamped()
	}
	noted := object.CommonStatus().Judged
	switch {
	case mayBeSuspended(by) && !isCarriedOut(object):
		return nil
	case by.Verb == "" && (noted == nil || noted.Generation != by.Generation):
		return by.Before
	}
	held, err := v1alpha1.Hold(object)
	if err != nil || len(held.Spec.Raw) > maxBefore {
		return nil
	}
	return &policy.Before{Generation: by.Generation, Held: *held}
}

// isCarriedOut says whether the status of an object says that it is in force, or will be when it begins, as it is written or was
// before an edit: edits wait for the operator. What gives nothing for another reason, as because its Role is not there, was not
// refused because of who wrote it, and not let through either.
func isCarriedOut(object v1alpha1.Object) bool {
	return kinds.IsInForce(object) || kinds.ReadyReason(object) == v1alpha1.ReasonPending
}

// isLetThrough says whether it does not matter who wrote an object, or its status says that they could give what it gives. A status
// may say something else, as that its Role is not there, before anybody has looked at that.
func isLetThrough(object v1alpha1.Object) bool {
	by, noted := giverOf(object), object.CommonStatus().Judged
	return by == nil || by.Verb != "" || noted != nil && noted.Generation == by.Generation
}

// isRefused says whether the status of an object says, of what is written now, that it gives nothing because of who wrote it.
func isRefused(object v1alpha1.Object) bool {
	reason := kinds.ReadyReason(object)
	return object.CommonStatus().ObservedGeneration == object.GetGeneration() &&
		(reason == v1alpha1.ReasonNotHeld || reason == v1alpha1.ReasonNameNotConfirmed)
}

// unjudged says whether no status says yet that an object gives nothing because of who wrote it. A follower may be wrong
// about that. About an object without a status it is not: what it gives is recorded before it is Ready.
func (t *tenant) unjudged(ref kinds.Ref, a *authored) bool {
	return t.unauthored.has(ref) && !a.refused && a.reported
}

// authored is what is known of who wrote an object that is put.
func (e *evaluation) authored(ref kinds.Ref, object v1alpha1.Object) authored {
	was := e.tenant.authoredOf(ref)
	if was == nil {
		return e.tenant.authoredBy(object, authored{}, nil)
	}
	return e.tenant.authoredBy(object, *was, e.tenant.effectiveNamed(ref))
}

// carriedOut is what is known of who wrote the effective spec of an object while an edit waits for the end of a pause. What nobody
// could give was never carried out, so none of that is effective.
func (t *tenant) carriedOut(ref kinds.Ref, object v1alpha1.Object) authored {
	if was := t.authoredOf(ref); was != nil && was.uid == object.GetUID() {
		return *was
	}
	return authored{uid: object.GetUID()}
}

// isConfirmed says whether nothing is in the way of what an object gives because of who wrote it.
func (t *tenant) isConfirmed(ref kinds.Ref) bool {
	a := t.authoredOf(ref)
	return a == nil || t.unconfirmed(ref, a) == nil
}

func (t *tenant) setAuthored(ref kinds.Ref, now authored) {
	if a := t.authoredOf(ref); a != nil {
		*a = now
	}
}

// withVerdict adds to an outcome what the status is to keep for the next start, and for followers; nothing where it is in the
// stamps.
func (a *authored) withVerdict(outcome Outcome) Outcome {
	if a.by != nil && a.passed && (a.by.Verb == "" || len(a.names) > 0) {
		outcome.Judged = &v1alpha1.Judged{Generation: a.by.Generation, UIDs: slices.Sorted(maps.Keys(a.names))}
	}
	return outcome
}

// name is an object that another one names.
type name struct {
	origin

	field string
	ref   kinds.Ref
	// subject is that of a User, meant the one that it had when it was named.
	subject, meant string
}

// namesIn are the Users, Groups and Invitations that an object gives something to, as far as they are there.
func (t *tenant) namesIn(object client.Object, by *policy.Author) (found []name) {
	written, is := object.(v1alpha1.Object)
	if !is {
		return nil
	}
	for _, to := range keeperOf(kinds.RefOf(object).Kind).receivers(written) {
		ref := kinds.Ref{Kind: to.kind, Namespace: t.name, Name: to.name}
		n, there := t.made(ref)
		if !there {
			continue
		}
		n.field = to.field
		if to.kind == kinds.User && by != nil && by.User != nil && (by.User.Name == "" || by.User.Name == to.name) {
			n.meant = by.User.Subject
		}
		found = append(found, n)
		if to.kind != kinds.Invitation {
			continue
		}
		// Whoever has accepted it gets what is given to it.
		if by, there := t.made(kinds.Named(kinds.User, sibling(ref.Key(), t.invitations[ref.Key()].object.spec.AcceptedBy))); there {
			by.field = to.field + ": accepted by"
			found = append(found, by)
		}
	}
	return found
}

// made is what is known of who made an object that others name; false where it is not there.
func (t *tenant) made(ref kinds.Ref) (name, bool) {
	switch found := t.find(ref).(type) {
	case *user:
		if o := found.object; o != nil {
			return name{ref: ref, origin: found.origin, subject: o.Spec.Subject}, true
		}
	case *group:
		if found.object != nil {
			return name{ref: ref, origin: found.origin}, true
		}
	case *invitation:
		if o := found.object; o != nil {
			return name{ref: ref, origin: o.origin}, true
		}
	}
	return name{}, false
}

// isAnother says whether a User is another person than was meant.
func (n *name) isAnother() bool { return n.meant != "" && n.meant != n.subject && !n.confirmed }

// isSure says whether nothing has to be asked about a name: nobody has stamped it, its maker had a verb, somebody has
// confirmed it, or whoever names it made it.
func (n *name) isSure(by *policy.Author) bool {
	return !n.stamped || n.makerVerb != "" || n.confirmed || by != nil && by.Username != "" && n.maker == by.Username
}

// unconfirmed says why an object gives nothing that could give something otherwise; nil if it gives that.
func (t *tenant) unconfirmed(ref kinds.Ref, a *authored) *Outcome {
	if a.by == nil {
		return nil
	}
	if !a.passed && a.by.Verb != "" {
		switch suspended := t.suspendedAuthor(a.by); {
		case suspended == "":
		case a.by.IsUnstamped():
			return &Outcome{Reason: v1alpha1.ReasonNotHeld, Stalled: true, Message: fmt.Sprintf(
				"gives nothing: this was written while the operator was away, so its author is not known and may be the User %s, which is suspended: delete it, and have someone create it again", suspended)}
		default:
			return &Outcome{Reason: v1alpha1.ReasonNotHeld, Stalled: true, Message: fmt.Sprintf(
				"gives nothing: its author %q represents the User %s, which was suspended before this took effect: delete it, and have someone else create it again", a.by.Username, suspended)}
		}
	} else if !a.passed {
		return &Outcome{Reason: v1alpha1.ReasonNotHeld, Stalled: true, Message: fmt.Sprintf(
			"gives nothing: its author %q did not hold what it gives when it was to take effect: %s: have someone write it who holds that, or has the verb that allows it", a.by.Username, a.missing)}
	}
	for _, n := range t.namesIn(t.effective(ref), a.by) {
		switch {
		case n.isAnother():
			return &Outcome{Reason: v1alpha1.ReasonNameNotConfirmed, Stalled: true, Message: fmt.Sprintf(
				"%s: gives nothing: the User %s had the subject %q when this was written, and is another person now: create this again, or %s", n.field, n.ref.Name, n.meant, n.confirm())}
		case !n.isSure(a.by) && !a.names.has(n.uid):
			return &Outcome{Reason: v1alpha1.ReasonNameNotConfirmed, Stalled: true, Message: fmt.Sprintf(
				"%s: gives nothing: %s", n.field, n.mustBeConfirmed(a.missing))}
		}
	}
	return nil
}

func (n *name) mustBeConfirmed(missing string) string {
	return fmt.Sprintf("the %s %s was made by %q, who could not give this: %s: see that it is the one that is meant, and %s", n.ref.Kind, n.ref.Name, n.maker, missing, n.confirm())
}

// confirm says what to do.
func (n *name) confirm() string {
	value := "true"
	if n.ref.Kind == kinds.User {
		value = n.subject
	}
	return fmt.Sprintf("have someone with the verb bind confirm it: kubectl annotate --overwrite %s %s -n %s %s=%s", strings.ToLower(n.ref.Kind), n.ref.Name, n.ref.Namespace, v1alpha1.AnnotationConfirmed, value)
}

// text names what is lacking.
func (f MissingPrivileges) text() string {
	lacking := slices.Clone(f.Unresolved)
	for _, privilege := range f.Privileges {
		lacking = append(lacking, privilege.String())
	}
	return enumerate.Some(lacking, shownMissing, ", ")
}

// shownMissing is how many privileges a status names.
const shownMissing = 3

// authoredOf is what is known of who wrote an object; nil where it is none that gives something.
func (t *tenant) authoredOf(ref kinds.Ref) *authored { return authorshipOf(t.find(ref)) }

func authorshipOf(found node) *authored {
	switch found := found.(type) {
	case *assignment:
		if found.object != nil {
			return &found.authored
		}
	case *membership:
		if found.object != nil {
			return &found.authored
		}
	case *grant:
		if found.object != nil {
			return &found.object.authored
		}
	}
	return nil
}

// suspendedBy is suspendedUser for whoever has the lock.
func (t *tenant) suspendedBy(subject string) string {
	known := t.named.usersBySubject[identity{t.name, subject}]
	if len(known) == 0 {
		return ""
	}
	holder := known[0].key
	if !t.users[holder].object.Spec.Suspended {
		return ""
	}
	return holder.Name
}

// suspendedAuthor is a suspended User that the author of an object stands for who need not hold what they give or, where it is not
// known which ServiceAccount that is, may stand for, the first by name; empty if there is none.
func (t *tenant) suspendedAuthor(by *policy.Author) (first string) {
	for _, subject := range t.machines(by) {
		if name := t.suspendedBy(subject); name != "" && (first == "" || name < first) {
			first = name
		}
	}
	return first
}

// machines are the subjects that such an author stands for, or may stand for. A stamp of their own may have any subject.
func (t *tenant) machines(by *policy.Author) []string {
	if by.IsUnstamped() {
		return t.serviceAccounts()
	}
	return []string{policy.SubjectOf(by.Username, t.usernamePrefix, t.usernames())}
}

// usernames are what the Organization says that names of the API server stand for.
func (t *tenant) usernames() []v1alpha1.UsernameMapping {
	if node := t.organizations[t.name]; node != nil && node.object != nil {
		return node.object.Spec.Usernames
	}
	return nil
}

// serviceAccounts are the subjects that ServiceAccounts stand for, as far as Users have them or the Organization maps them.
func (t *tenant) serviceAccounts() (subjects []string) {
	for key := range t.named.serviceAccounts {
		subjects = append(subjects, t.users[key].object.Spec.Subject)
	}
	for _, mapping := range t.usernames() {
		if policy.IsServiceAccount(mapping.Username) {
			subjects = append(subjects, mapping.Subject)
		}
	}
	return subjects
}
