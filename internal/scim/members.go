package scim

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"

	scimerrors "github.com/elimity-com/scim/errors"
	filter "github.com/scim2/filter-parser/v2"
	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectname"
)

// membersAtOnce bounds the writes of one request that are under way.
const membersAtOnce = 16

// memberEdit is what is to become of a group's members. Users are named by their ids.
type memberEdit struct {
	// whole are all members that there are to be; nil if that is not said.
	whole       map[string]bool
	add, remove map[string]bool
	named       int
}

// apply notes one more change.
func (e *memberEdit) apply(c change) error {
	users, err := c.members()
	if err != nil {
		return err
	}
	if e.named += len(users); e.named > maxMembers {
		return fail(http.StatusRequestEntityTooLarge, "the request names more than %d members: send them in parts", maxMembers)
	}
	if e.add == nil {
		e.add, e.remove = map[string]bool{}, map[string]bool{}
	}
	all := c.among == nil && (c.op == opReplace || c.op == opRemove && c.value == nil)
	if all {
		e.whole, e.add, e.remove = map[string]bool{}, map[string]bool{}, map[string]bool{}
	}
	for _, user := range users {
		switch {
		case c.op == opRemove && e.whole != nil:
			delete(e.whole, user)
		case c.op == opRemove:
			delete(e.add, user)
			e.remove[user] = true
		case e.whole != nil:
			e.whole[user] = true
		default:
			delete(e.remove, user)
			e.add[user] = true
		}
	}
	return nil
}

// added are those that a new group has.
func (e *memberEdit) added() []string {
	return slices.Sorted(maps.Keys(merged(e.whole, e.add)))
}

func merged(sets ...map[string]bool) map[string]bool {
	all := map[string]bool{}
	for _, set := range sets {
		maps.Copy(all, set)
	}
	return all
}

// members are the users that a change names, in its value or, as Okta does, in its path.
func (c change) members() ([]string, error) {
	if c.part != "" {
		return nil, invalid(scimerrors.ScimTypeInvalidPath, "members.%s can't be changed: add or remove the member", c.part)
	}
	if c.among != nil {
		if c.op != opRemove {
			return nil, invalid(scimerrors.ScimTypeMutability, "members[...] can be removed only: name those to add in the value")
		}
		return usersIn(c.among)
	}
	several, isList := c.value.([]any)
	if !isList && c.value != nil {
		several = []any{c.value}
	}
	users := make([]string, 0, len(several))
	for _, one := range several {
		id := one
		if object, isObject := one.(map[string]any); isObject {
			id, _ = attribute(object, "value")
		}
		user, isText := id.(string)
		if !isText || user == "" {
			return nil, invalid(scimerrors.ScimTypeInvalidValue, "members: each needs the id of a User as its value")
		}
		users = append(users, user)
	}
	if c.op == opRemove && c.value != nil && len(users) == 0 {
		// Not everybody, for want of a name.
		return nil, invalid(scimerrors.ScimTypeInvalidValue, "members: the value names nobody to remove")
	}
	return users, nil
}

// usersIn are those that a path such as members[value eq "alice"] names.
func usersIn(e filter.Expression) ([]string, error) {
	switch e := e.(type) {
	case *filter.LogicalExpression:
		if e.Operator == filter.OR {
			left, err := usersIn(e.Left)
			if err != nil {
				return nil, err
			}
			right, err := usersIn(e.Right)
			return append(left, right...), err
		}
	case *filter.AttributeExpression:
		if user, is := required(e, "value"); is {
			return []string{user}, nil
		}
	}
	return nil, invalid(scimerrors.ScimTypeInvalidFilter, "members[%s]: only value eq is supported here, and or", e)
}

// membersByGroup are the members that SCIM made, sorted.
func (s session) membersByGroup(ctx context.Context, which ...client.ListOption) (map[string][]string, error) {
	memberships, err := s.memberships(ctx, which...)
	if err != nil {
		return nil, err
	}
	members := map[string][]string{}
	for i := range memberships {
		if membership := &memberships[i]; managed(membership) && membership.DeletionTimestamp.IsZero() {
			members[membership.Spec.Group] = append(members[membership.Spec.Group], membership.Spec.User)
		}
	}
	for group, users := range members {
		slices.Sort(users)
		members[group] = slices.Compact(users)
	}
	return members, nil
}

func (s session) memberships(ctx context.Context, which ...client.ListOption) ([]v1alpha1.GroupMembership, error) {
	list := &v1alpha1.GroupMembershipList{}
	err := s.client.List(ctx, list, append(which, client.InNamespace(s.organization))...)
	return list.Items, err
}

// editMembers brings a group to what is wanted. It does all that can be done and then says what could not: so the
// request, repeated, ends where one that did not fail would have.
func (s session) editMembers(ctx context.Context, group string, edit *memberEdit) error {
	add := edit.add
	var there []v1alpha1.GroupMembership
	if edit.whole != nil || len(edit.remove) > 0 {
		which := client.MatchingFields{"spec.group": group}
		if edit.whole == nil && len(edit.remove) == 1 {
			for user := range edit.remove {
				which["spec.user"] = user
			}
		}
		var err error
		if there, err = s.memberships(ctx, which); err != nil {
			return err
		}
	}
	remove := edit.remove
	if edit.whole != nil {
		add, remove = edit.whole, map[string]bool{}
		for i := range there {
			if user := there[i].Spec.User; managed(&there[i]) && !edit.whole[user] {
				remove[user] = true
			}
		}
	}
	var all errgroup.Group
	all.SetLimit(membersAtOnce)
	var mu sync.Mutex
	var failed []error
	try := func(one func() error) {
		all.Go(func() error {
			if err := one(); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, err)
			}
			return nil
		})
	}
	for user := range remove {
		try(func() error { return s.removeMember(ctx, group, user, there) })
	}
	for user := range add {
		try(func() error { return s.addMember(ctx, group, user) })
	}
	_ = all.Wait() // try keeps the errors
	return worst(failed)
}

// worst is the error to answer with: one that repeating the request does not help against comes before the others.
func worst(failed []error) error {
	slices.SortFunc(failed, func(a, b error) int { return failureOf(a).Status - failureOf(b).Status })
	if len(failed) == 0 {
		return nil
	}
	if len(failed) == 1 {
		return failed[0]
	}
	failure := *failureOf(failed[0])
	failure.Detail = fmt.Sprintf("%s (and %d other members failed)", failure.Detail, len(failed)-1)
	return &failure
}

func (s session) addMember(ctx context.Context, group, user string) error {
	if len(validation.IsDNS1123Subdomain(user)) > 0 {
		return noSuchMember(user)
	}
	key := client.ObjectKey{Namespace: s.organization, Name: objectname.Membership(group, user)}
	present := &v1alpha1.GroupMembership{}
	err := s.client.Get(ctx, key, present)
	switch {
	case err == nil && !present.DeletionTimestamp.IsZero():
		return unavailable("the GroupMembership %s/%s is being deleted: repeat the request", key.Namespace, key.Name)
	case err == nil && !managed(present):
		return notOurs("GroupMembership", present)
	case !apierrors.IsNotFound(err):
		return err
	}
	member := &v1alpha1.User{}
	var failure *requestError
	if err := s.find(ctx, "User", user, member); errors.As(err, &failure) || err == nil && !managed(member) {
		return noSuchMember(user)
	} else if err != nil {
		return err
	}
	membership := &v1alpha1.GroupMembership{Spec: v1alpha1.GroupMembershipSpec{User: user, Group: group, Role: v1alpha1.GroupMember}}
	membership.Namespace, membership.Name = key.Namespace, key.Name
	if err := (record{}).keep(membership); err != nil {
		return err
	}
	if err := s.client.Create(ctx, membership); !apierrors.IsAlreadyExists(err) {
		return err
	}
	return nil // another sender was faster
}

func noSuchMember(user string) error {
	return invalid(scimerrors.ScimTypeInvalidValue, "members: there is no User with the id %q; groups in groups are not supported", user)
}

// removeMember deletes SCIM's memberships of a user. Who is a member by somebody else's stays one, which is said.
func (s session) removeMember(ctx context.Context, group, user string, there []v1alpha1.GroupMembership) error {
	var others client.Object
	removed := false
	for i := range there {
		membership := &there[i]
		if membership.Spec.User != user || membership.Spec.Group != group {
			continue
		}
		if !managed(membership) {
			others = membership
			continue
		}
		removed = true
		if err := s.delete(ctx, membership); err != nil {
			return err
		}
	}
	if !removed && others != nil {
		return notOurs("GroupMembership", others)
	}
	return nil
}

func (s session) removeMemberships(ctx context.Context, which client.ListOption) error {
	there, err := s.memberships(ctx, which)
	if err != nil {
		return err
	}
	var all errgroup.Group
	all.SetLimit(membersAtOnce)
	for i := range there {
		if managed(&there[i]) {
			all.Go(func() error { return s.delete(ctx, &there[i]) })
		}
	}
	return all.Wait()
}
