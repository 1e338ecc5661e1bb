package people

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectname"
)

// Existing is what an organization has already.
type Existing struct {
	Users       []*v1alpha1.User
	Groups      []*v1alpha1.Group
	Memberships []*v1alpha1.GroupMembership
}

// Action is what is to be done with an object.
type Action string

// The actions.
const (
	Create Action = "created"
	Update Action = "changed"
	Delete Action = "deleted"
)

// Change is one write.
type Change struct {
	Action Action
	Object v1alpha1.Object
}

// Plan is what to write, in phases: a phase begins when the one before has ended. What takes access away comes
// first, and nothing comes before what it names.
type Plan struct {
	Phases [][]Change
	// Unchanged counts what is as the list says.
	Unchanged int
}

// MaxName is how long the name of a User or a Group may be.
const MaxName = 63

// NewPlan compares a list with what there is. Only what bears the label of import is changed, or deleted if prune
// is set and the list does not have it; where the list needs anything else changed, the error says each.
func NewPlan(organization string, list []Person, existing Existing, prune bool) (*Plan, error) {
	p := newPlanner(organization, existing)
	for i := range list {
		person := &list[i]
		name, ok := p.person(person)
		if !ok || person.Groups == nil {
			continue
		}
		p.grouped[name] = true
		for _, text := range *person.Groups {
			if group, ok := p.group(person, text); ok {
				p.membership(person, name, group)
			}
		}
	}
	if prune {
		p.prune()
	}
	if err := errors.Join(p.conflicts...); err != nil {
		return nil, err
	}
	return p.plan(), nil
}

// Manifests are the objects of a list by themselves, for whoever delivers them another way: they bear no label.
func Manifests(organization string, list []Person) ([]v1alpha1.Object, error) {
	plan, err := NewPlan(organization, list, Existing{}, false)
	if err != nil {
		return nil, err
	}
	var objects []v1alpha1.Object
	for _, phase := range plan.Phases {
		for _, change := range phase {
			change.Object.SetLabels(nil)
			objects = append(objects, change.Object)
		}
	}
	return objects, nil
}

// pair is who is in which group, by names.
type pair struct{ user, group string }

type planner struct {
	organization string
	existing     Existing
	bySubject    map[string]*v1alpha1.User
	users        map[string]*v1alpha1.User
	groups       map[string]*v1alpha1.Group
	memberships  map[pair]*v1alpha1.GroupMembership
	// byText are the groups that the list has named.
	byText map[string]string
	// wanted are the users of the list by name, grouped those of whom it says the groups, and in all that it says.
	wanted, grouped map[string]bool
	in              map[pair]bool

	newGroups, newUsers, newMemberships, changed []Change
	oldMemberships, oldUsers, oldGroups          []Change
	unchanged                                    int
	conflicts                                    []error
}

func newPlanner(organization string, existing Existing) *planner {
	p := &planner{
		organization: organization, existing: existing,
		bySubject: map[string]*v1alpha1.User{}, users: map[string]*v1alpha1.User{}, groups: map[string]*v1alpha1.Group{},
		memberships: map[pair]*v1alpha1.GroupMembership{}, byText: map[string]string{},
		wanted: map[string]bool{}, grouped: map[string]bool{}, in: map[pair]bool{},
	}
	for _, user := range existing.Users {
		p.users[user.Name] = user
		// Of two with one subject the older one holds.
		if other, twice := p.bySubject[user.Spec.Subject]; !twice || user.CreationTimestamp.Before(&other.CreationTimestamp) {
			p.bySubject[user.Spec.Subject] = user
		}
	}
	for _, group := range existing.Groups {
		p.groups[group.Name] = group
	}
	for _, membership := range existing.Memberships {
		key := pair{membership.Spec.User, membership.Spec.Group}
		if _, twice := p.memberships[key]; !twice || !managed(membership) {
			p.memberships[key] = membership
		}
	}
	return p
}

func managed(object v1alpha1.Object) bool {
	return object.GetLabels()[v1alpha1.LabelManagedBy] == v1alpha1.ManagedByImport
}

func (p *planner) refusef(person *Person, format string, args ...any) {
	p.conflicts = append(p.conflicts, fmt.Errorf(person.where+": "+format, args...))
}

// person plans somebody's User, and says what it is called.
func (p *planner) person(person *Person) (name string, ok bool) {
	before, known := p.bySubject[person.Subject]
	if !known {
		return p.newPerson(person)
	}
	p.wanted[before.Name] = true
	switch {
	case !before.DeletionTimestamp.IsZero():
		p.refusef(person, "User %s is being deleted: import again when it is gone", before.Name)
		return "", false
	case person.Name != "" && person.Name != before.Name:
		p.refusef(person, "subject %q belongs to User %s, and names can't be changed: leave name out, or delete that User first", person.Subject, before.Name)
		return "", false
	}
	after := before.DeepCopy()
	person.apply(&after.Spec)
	switch {
	case reflect.DeepEqual(before.Spec, after.Spec):
		p.unchanged++
	case !managed(before):
		p.refusef(person, "User %s differs, and import did not make it: change it where it is managed, or hand it over by its label %s=%s",
			before.Name, v1alpha1.LabelManagedBy, v1alpha1.ManagedByImport)
		return "", false
	default:
		p.changed = append(p.changed, Change{Update, after})
	}
	return before.Name, true
}

func (p *planner) newPerson(person *Person) (name string, ok bool) {
	candidates := objectname.Candidates(person.Subject)
	if person.Name != "" {
		if len(person.Name) > MaxName || len(validation.IsDNS1123Subdomain(person.Name)) > 0 {
			p.refusef(person, "name: %q must be lower-case letters, digits, '-' and '.', at most %d: correct it, or leave it out", person.Name, MaxName)
			return "", false
		}
		candidates = []string{person.Name}
	}
	for _, name := range candidates {
		if _, taken := p.users[name]; taken {
			continue
		}
		user := &v1alpha1.User{}
		p.meta(user, name)
		user.Spec = v1alpha1.UserSpec{Subject: person.Subject, Type: v1alpha1.UserHuman}
		person.apply(&user.Spec)
		p.users[name], p.bySubject[person.Subject], p.wanted[name] = user, user, true
		p.newUsers = append(p.newUsers, Change{Create, user})
		return name, true
	}
	p.refusef(person, "User %s has another subject than %q: choose another name", candidates[0], person.Subject)
	return "", false
}

// apply writes down what is said of somebody.
func (p *Person) apply(spec *v1alpha1.UserSpec) {
	if p.DisplayName != nil {
		spec.DisplayName = *p.DisplayName
	}
	if p.Email != nil {
		spec.Email = *p.Email
	}
	if p.Suspended != nil {
		spec.Suspended = *p.Suspended
	}
}

func (p *planner) meta(object v1alpha1.Object, name string) {
	object.SetNamespace(p.organization)
	object.SetName(name)
	object.SetLabels(map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedByImport})
}

// group finds a group by its name or display name, or plans one.
func (p *planner) group(person *Person, text string) (name string, ok bool) {
	if name, known := p.byText[text]; known {
		return name, true
	}
	found, known := p.groups[text]
	if !known {
		for _, candidate := range p.existing.Groups {
			if candidate.Spec.DisplayName != text {
				continue
			}
			if found != nil {
				p.refusef(person, "groups: %q is the display name of the Groups %s and %s: write the name of one of them", text, found.Name, candidate.Name)
				return "", false
			}
			found = candidate
		}
	}
	switch {
	case found == nil:
		return p.newGroup(person, text)
	case !found.GetDeletionTimestamp().IsZero():
		p.refusef(person, "groups: Group %s is being deleted: import again when it is gone", found.Name)
		return "", false
	}
	p.byText[text] = found.Name
	return found.Name, true
}

func (p *planner) newGroup(person *Person, text string) (string, bool) {
	for _, name := range objectname.Candidates(text) {
		if _, taken := p.groups[name]; taken {
			continue
		}
		group := &v1alpha1.Group{}
		p.meta(group, name)
		if name != text {
			group.Spec.DisplayName = text
		}
		p.groups[name], p.byText[text] = group, name
		p.newGroups = append(p.newGroups, Change{Create, group})
		return name, true
	}
	p.refusef(person, "groups: all names for a Group %q are in use: write the name of one that is there", text)
	return "", false
}

func (p *planner) membership(person *Person, user, group string) {
	key := pair{user, group}
	if p.in[key] {
		return
	}
	p.in[key] = true
	switch before, known := p.memberships[key]; {
	case !known:
		membership := &v1alpha1.GroupMembership{}
		p.meta(membership, objectname.Membership(group, user))
		membership.Spec = v1alpha1.GroupMembershipSpec{User: user, Group: group, Role: v1alpha1.GroupMember}
		p.newMemberships = append(p.newMemberships, Change{Create, membership})
	case !before.DeletionTimestamp.IsZero():
		p.refusef(person, "groups: GroupMembership %s is being deleted: import again when it is gone", before.Name)
	default:
		p.unchanged++
	}
}

// prune plans to delete what import made and the list does not have. Of whom the list says no groups, none are taken away.
func (p *planner) prune() {
	gone := func(object v1alpha1.Object) bool { return managed(object) && object.GetDeletionTimestamp().IsZero() }
	inUse := map[string]bool{}
	for key := range p.in {
		inUse[key.group] = true
	}
	for _, membership := range p.existing.Memberships {
		user := membership.Spec.User
		leaves := !p.wanted[user] || p.grouped[user] && !p.in[pair{user, membership.Spec.Group}]
		if leaves && gone(membership) {
			p.oldMemberships = append(p.oldMemberships, Change{Delete, membership})
		} else {
			inUse[membership.Spec.Group] = true
		}
	}
	for _, user := range p.existing.Users {
		if !p.wanted[user.Name] && gone(user) {
			p.oldUsers = append(p.oldUsers, Change{Delete, user})
		}
	}
	if len(p.grouped) == 0 {
		return
	}
	for _, group := range p.existing.Groups {
		if !inUse[group.Name] && gone(group) {
			p.oldGroups = append(p.oldGroups, Change{Delete, group})
		}
	}
}

func (p *planner) plan() *Plan {
	// A group that the list has named is as it says.
	named := slices.Collect(maps.Values(p.byText))
	slices.Sort(named)
	plan := &Plan{Unchanged: p.unchanged + len(slices.Compact(named)) - len(p.newGroups)}
	for _, phase := range [][]Change{
		p.oldMemberships, slices.Concat(p.oldUsers, p.oldGroups), p.changed, slices.Concat(p.newGroups, p.newUsers), p.newMemberships,
	} {
		if len(phase) > 0 {
			plan.Phases = append(plan.Phases, phase)
		}
	}
	return plan
}

// Count counts the writes of each action.
func (p *Plan) Count() map[Action]int {
	counted := map[Action]int{}
	for _, phase := range p.Phases {
		for _, change := range phase {
			counted[change.Action]++
		}
	}
	return counted
}
