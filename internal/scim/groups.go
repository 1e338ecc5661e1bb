package scim

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	scimerrors "github.com/elimity-com/scim/errors"
	filter "github.com/scim2/filter-parser/v2"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectname"
)

// group is what a directory says of a group, without its members.
type group struct {
	externalID, displayName string
}

var groupTypes = withCommon(attributeTypes{"members": typeComplex, "members.value": typeExact, "members.type": typeText})

// groupOf reads a group. One that has no name for people is called as its object is.
func groupOf(object *v1alpha1.Group) group {
	return group{externalID: recordOf(object).ExternalID, displayName: cmp.Or(object.Spec.DisplayName, object.Name)}
}

func (g *group) write(object *v1alpha1.Group) error {
	if *g != groupOf(object) {
		object.Spec.DisplayName = g.displayName
	}
	return record{ExternalID: g.externalID}.keep(object)
}

// display shows a group with its members; nil is without them.
func display(s session, object *v1alpha1.Group, members *[]string) *resource {
	g := groupOf(object)
	attributes := map[string]any{"externalId": g.externalID, "displayName": g.displayName}
	if members != nil {
		// An empty list, where there is none: authentik adds nobody to a group that shows no list.
		shown := make([]any, 0, len(*members))
		for _, user := range *members {
			shown = append(shown, map[string]any{"value": user, "type": "User", "$ref": s.location + "/Users/" + user})
		}
		attributes["members"] = shown
	}
	return newResource(s, "Group", schemaGroup, object, attributes, members != nil)
}

// apply makes changes. Those of members are gathered, since they are other objects.
func (g *group) apply(changes []change, edit *memberEdit) (err error) {
	for _, c := range changes {
		switch c.attribute {
		case "displayname":
			g.displayName, err = c.text()
		case "externalid":
			g.externalID, err = c.text()
		case "members":
			err = edit.apply(c)
		}
		if err != nil {
			return err
		}
	}
	if g.displayName == "" {
		return invalid(scimerrors.ScimTypeInvalidValue, "displayName is needed: it is the group's name")
	}
	return nil
}

// createGroup makes a Group, then its memberships. A request that ends in between can't be repeated, as the group
// is there: the sender finds it and adds the members.
func createGroup(ctx context.Context, r *request) (*answer, error) {
	changes, err := attributesOf(r, schemaGroup)
	if err != nil {
		return nil, err
	}
	said, edit := group{}, memberEdit{}
	if err := said.apply(changes, &edit); err != nil {
		return nil, err
	}
	if err := r.groupFree(ctx, said, ""); err != nil {
		return nil, err
	}
	object, err := r.newGroup(ctx, said)
	if err != nil {
		return nil, err
	}
	if err := r.editMembers(ctx, object.Name, &edit); err != nil {
		return nil, err
	}
	members := edit.added()
	return &answer{code: http.StatusCreated, resource: display(r.session, object, &members)}, nil
}

func (r *request) newGroup(ctx context.Context, said group) (*v1alpha1.Group, error) {
	for _, candidate := range objectname.Candidates(said.displayName) {
		object := &v1alpha1.Group{}
		object.Namespace, object.Name = r.organization, candidate
		object.Spec.DisplayName = said.displayName
		if err := said.write(object); err != nil {
			return nil, err
		}
		err := r.client.Create(ctx, object)
		if !apierrors.IsAlreadyExists(err) {
			return object, err
		}
		// A renamed group has the name, or another sender was faster with the same one.
		if err := r.groupFree(ctx, said, ""); err != nil {
			return nil, err
		}
	}
	return nil, taken("all names for the displayName %q are in use by other Groups of %s: delete one", said.displayName, r.organization)
}

// groupFree says which other group is the same one, or is called the same by git or a person. A directory may
// have two of one name, and tells them apart by externalId.
func (s session) groupFree(ctx context.Context, said group, id string) error {
	groups := &v1alpha1.GroupList{}
	if err := s.client.List(ctx, groups, client.InNamespace(s.organization)); err != nil {
		return err
	}
	for i := range groups.Items {
		object := &groups.Items[i]
		other := groupOf(object)
		differ := managed(object) && said.externalID != "" && other.externalID != "" && said.externalID != other.externalID
		if object.Name == id || differ || !sameName(other.displayName, said.displayName) && (said.externalID == "" || said.externalID != other.externalID) {
			continue
		}
		if err := s.stands(object, "Group", "displayName", other.displayName); err != nil {
			return err
		}
	}
	return nil
}

func sameName(a, b string) bool { return compares(typeText, filter.EQ, a, b) }

func readGroup(ctx context.Context, r *request) (*answer, error) {
	object := &v1alpha1.Group{}
	if err := r.find(ctx, "Group", r.id, object); err != nil {
		return nil, err
	}
	if !managed(object) {
		return nil, notFound("Group", r.id)
	}
	shown, err := r.showGroup(ctx, object, r.wantsMembers())
	if err != nil {
		return nil, err
	}
	return &answer{code: http.StatusOK, resource: shown}, nil
}

// wantsMembers says whether an answer is to have members, which cost reading them.
func (r *request) wantsMembers() bool {
	query := r.URL.Query()
	wanted := attributeList(query, "attributes")
	return !slices.Contains(attributeList(query, "excludedAttributes"), "members") && (len(wanted) == 0 || slices.Contains(wanted, "members"))
}

func (r *request) showGroup(ctx context.Context, object *v1alpha1.Group, withMembers bool) (*resource, error) {
	if !withMembers {
		return display(r.session, object, nil), nil
	}
	members, err := r.membersByGroup(ctx, client.MatchingFields{"spec.group": object.Name})
	if err != nil {
		return nil, err
	}
	own := members[object.Name]
	return display(r.session, object, &own), nil
}

// replaceGroup replaces a group. Without members it has none (RFC 7644, section 3.5.1), which is how keycloak-scim sends a
// group that its last member has left; but renaming a group empties nothing, whatever the sender leaves out.
func replaceGroup(ctx context.Context, r *request) (*answer, error) {
	changes, err := attributesOf(r, schemaGroup)
	if err != nil {
		return nil, err
	}
	object, err := r.changeGroup(ctx, &group{}, changes)
	if err != nil {
		return nil, err
	}
	shown, err := r.showGroup(ctx, object, true)
	if err != nil {
		return nil, err
	}
	return &answer{code: http.StatusOK, resource: shown}, nil
}

func patchGroup(ctx context.Context, r *request) (*answer, error) {
	changes, err := changesOf(r, schemaGroup)
	if err != nil {
		return nil, err
	}
	if _, err := r.changeGroup(ctx, nil, changes); err != nil {
		return nil, err
	}
	return &answer{code: http.StatusNoContent}, nil
}

// changeGroup changes a group, beginning with what it is or with what is given, and then its members.
func (r *request) changeGroup(ctx context.Context, from *group, changes []change) (*v1alpha1.Group, error) {
	object := &v1alpha1.Group{}
	var edit memberEdit
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		if err := r.findManaged(ctx, "Group", r.id, object); err != nil {
			return err
		}
		if r.Header.Get("If-Match") != "" {
			present, err := r.showGroup(ctx, object, true)
			if err != nil {
				return err
			}
			if err := r.precondition(present); err != nil {
				return err
			}
		}
		before := groupOf(object)
		after := before
		if from != nil {
			after = *from
		}
		edit = memberEdit{}
		if err := after.apply(changes, &edit); err != nil {
			return err
		}
		replaced := from != nil && !slices.ContainsFunc(changes, func(c change) bool { return c.attribute == "members" })
		if replaced && after == before {
			edit.whole = map[string]bool{}
		}
		if after != before {
			if err := r.groupFree(ctx, after, r.id); err != nil {
				return err
			}
		}
		written := object.DeepCopy()
		if err := after.write(written); err != nil {
			return err
		}
		if equality.Semantic.DeepEqual(object, written) {
			return nil
		}
		object = written
		return r.client.Update(ctx, object)
	})
	if err != nil {
		return nil, err
	}
	return object, r.editMembers(ctx, object.Name, &edit)
}

// removeGroup deletes the memberships that SCIM made, then the group. A request that ends in between can be repeated.
func removeGroup(ctx context.Context, r *request) (*answer, error) {
	object := &v1alpha1.Group{}
	if err := r.read(ctx, "Group", r.id, object); err != nil {
		return nil, err
	}
	if err := ours("Group", object); err != nil {
		return nil, err
	}
	if r.Header.Get("If-Match") != "" {
		present, err := r.showGroup(ctx, object, true)
		if err != nil {
			return nil, err
		}
		if err := r.precondition(present); err != nil {
			return nil, err
		}
	}
	if err := r.removeMemberships(ctx, client.MatchingFields{"spec.group": r.id}); err != nil {
		return nil, err
	}
	if err := r.delete(ctx, object); err != nil {
		return nil, err
	}
	return &answer{code: http.StatusNoContent}, nil
}

func queryGroups(ctx context.Context, r *request) (*answer, error) {
	text := r.URL.Query().Get("filter")
	wanted, err := parseFilter(text, groupTypes)
	if err != nil {
		return nil, err
	}
	groups := &v1alpha1.GroupList{}
	if err := r.candidates(ctx, wanted, groups); err != nil {
		return nil, err
	}
	var members map[string][]string
	if len(groups.Items) > 0 && (r.wantsMembers() || mentions(wanted, "members")) {
		which := []client.ListOption{}
		if len(groups.Items) == 1 {
			which = append(which, client.MatchingFields{"spec.group": groups.Items[0].Name})
		}
		if members, err = r.membersByGroup(ctx, which...); err != nil {
			return nil, err
		}
	}
	shown := make([]*resource, 0, len(groups.Items))
	for i := range groups.Items {
		object := &groups.Items[i]
		if !object.DeletionTimestamp.IsZero() {
			continue
		}
		var own *[]string
		if members != nil {
			of := members[object.Name]
			own = &of
		}
		shown = append(shown, display(r.session, object, own))
	}
	return r.page(shown, wanted, groupTypes)
}

// mentions says whether a filter names an attribute.
func mentions(e filter.Expression, name string) bool {
	switch e := e.(type) {
	case *filter.LogicalExpression:
		return mentions(e.Left, name) || mentions(e.Right, name)
	case *filter.NotExpression:
		return mentions(e.Expression, name)
	case *filter.ValuePath:
		return pathOf(filter.AttributePath{AttributeName: e.AttributePath.AttributeName}, "") == name
	case *filter.AttributeExpression:
		return pathOf(filter.AttributePath{AttributeName: e.AttributePath.AttributeName}, "") == name
	}
	return false
}
