package scim

import (
	"context"
	"net/http"

	scimerrors "github.com/elimity-com/scim/errors"
	filter "github.com/scim2/filter-parser/v2"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectname"
)

func createUser(ctx context.Context, r *request) (*answer, error) {
	changes, err := attributesOf(r, schemaUser)
	if err != nil {
		return nil, err
	}
	said := user{active: true}
	if err := said.apply(changes); err != nil {
		return nil, err
	}
	if said.userName == "" {
		return nil, userNameNeeded()
	}
	if err := r.subjectFree(ctx, said.userName); err != nil {
		return nil, err
	}
	for _, candidate := range objectname.Candidates(said.userName) {
		object := &v1alpha1.User{}
		object.Namespace, object.Name = r.organization, candidate
		if err := said.write(object); err != nil {
			return nil, err
		}
		switch err := r.client.Create(ctx, object); {
		case err == nil:
			said = userOf(object)
			return &answer{code: http.StatusCreated, resource: said.show(r.session, object)}, nil
		case !apierrors.IsAlreadyExists(err):
			return nil, err
		}
		// Another User has the name, or another sender was faster with the same one.
		if err := r.subjectFree(ctx, said.userName); err != nil {
			return nil, err
		}
	}
	return nil, taken("all names for the userName %q are in use by other Users of %s: delete or rename one", said.userName, r.organization)
}

// subjectFree says who has a subject already.
func (s session) subjectFree(ctx context.Context, subject string) error {
	users := &v1alpha1.UserList{}
	if err := s.client.List(ctx, users, client.InNamespace(s.organization), client.MatchingFields{"spec.subject": subject}); err != nil {
		return err
	}
	for i := range users.Items {
		if err := s.stands(&users.Items[i], "User", "userName", subject); err != nil {
			return err
		}
	}
	return nil
}

// stands says that an object stands in the way of another one.
func (s session) stands(object client.Object, kind, attribute, value string) error {
	switch {
	case !object.GetDeletionTimestamp().IsZero():
		return unavailable("the %s %s/%s has the %s %q, and is being deleted: repeat the request", kind, s.organization, object.GetName(), attribute, value)
	case !managed(object):
		return taken("the %s %s/%s has the %s %q, and SCIM did not make it: to hand it over, set its label %s=%s", kind, s.organization,
			object.GetName(), attribute, value, v1alpha1.LabelManagedBy, v1alpha1.ManagedBySCIM)
	}
	return taken("the %s %s/%s has the %s %q already", kind, s.organization, object.GetName(), attribute, value)
}

func readUser(ctx context.Context, r *request) (*answer, error) {
	object := &v1alpha1.User{}
	if err := r.find(ctx, "User", r.id, object); err != nil {
		return nil, err
	}
	if !managed(object) {
		return nil, notFound("User", r.id)
	}
	read := userOf(object)
	return &answer{code: http.StatusOK, resource: read.show(r.session, object)}, nil
}

// find reads an object; one that is being deleted is gone.
func (s session) find(ctx context.Context, kind, id string, object client.Object) error {
	err := s.read(ctx, kind, id, object)
	if err == nil && !object.GetDeletionTimestamp().IsZero() {
		return notFound(kind, id)
	}
	return err
}

func (s session) read(ctx context.Context, kind, id string, object client.Object) error {
	if len(validation.IsDNS1123Subdomain(id)) > 0 {
		return notFound(kind, id)
	}
	err := s.client.Get(ctx, client.ObjectKey{Namespace: s.organization, Name: id}, object)
	if apierrors.IsNotFound(err) {
		return notFound(kind, id)
	}
	return err
}

// findManaged reads an object to change it.
func (s session) findManaged(ctx context.Context, kind, id string, object client.Object) error {
	if err := s.find(ctx, kind, id, object); err != nil {
		return err
	}
	return ours(kind, object)
}

func ours(kind string, object client.Object) error {
	if !managed(object) {
		return notOurs(kind, object)
	}
	return nil
}

func notFound(kind, id string) error {
	return fail(http.StatusNotFound, "there is no %s with the id %q", kind, id)
}

func notOurs(kind string, object client.Object) error {
	return fail(http.StatusConflict, "the %s %s/%s is not managed by SCIM: change it where it is managed, or hand it over by its label %s=%s",
		kind, object.GetNamespace(), object.GetName(), v1alpha1.LabelManagedBy, v1alpha1.ManagedBySCIM)
}

func replaceUser(ctx context.Context, r *request) (*answer, error) {
	changes, err := attributesOf(r, schemaUser)
	if err != nil {
		return nil, err
	}
	return r.changeUser(ctx, func(before user) (user, error) {
		// Whoever does not say whether somebody is active changes nothing about that.
		said := user{active: before.active}
		if err := said.apply(changes); err != nil {
			return said, err
		}
		if said.userName == "" {
			return said, userNameNeeded()
		}
		return said, nil
	})
}

func patchUser(ctx context.Context, r *request) (*answer, error) {
	changes, err := changesOf(r, schemaUser)
	if err != nil {
		return nil, err
	}
	return r.changeUser(ctx, func(said user) (user, error) { return said, said.apply(changes) })
}

// changeUser writes what has changed, if anything has. A suspension is answered when it is in force.
func (r *request) changeUser(ctx context.Context, edit func(user) (user, error)) (*answer, error) {
	object := &v1alpha1.User{}
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		if err := r.findManaged(ctx, "User", r.id, object); err != nil {
			return err
		}
		before := userOf(object)
		if err := r.precondition(before.show(r.session, object)); err != nil {
			return err
		}
		after, err := edit(before)
		if err != nil {
			return err
		}
		if after.userName != before.userName {
			return invalid(scimerrors.ScimTypeMutability,
				"userName can't be changed from %q to %q, so that nothing that was given to one identity becomes another's: create the new one, and delete the User %s/%s",
				before.userName, after.userName, r.organization, r.id)
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
	if object.Spec.Suspended {
		if err := r.observed(ctx, object); err != nil {
			return nil, err
		}
	}
	read := userOf(object)
	return &answer{code: http.StatusOK, resource: read.show(r.session, object)}, nil
}

// precondition holds a resource against the header If-Match.
func (r *request) precondition(present *resource) error {
	if wanted := r.Header.Get("If-Match"); wanted != "" && !names(wanted, present.version) {
		return fail(http.StatusPreconditionFailed, "%s has changed: its version is %s", present.id, present.version)
	}
	return nil
}

// removeUser takes a User out of the groups that SCIM put it in, so that whoever comes back under the name is in
// none of them; then it deletes it. A request that ends in between can be repeated.
func removeUser(ctx context.Context, r *request) (*answer, error) {
	object := &v1alpha1.User{}
	// Also one that is being deleted: whoever repeats the request is answered when it is gone.
	if err := r.read(ctx, "User", r.id, object); err != nil {
		return nil, err
	}
	if err := ours("User", object); err != nil {
		return nil, err
	}
	before := userOf(object)
	if err := r.precondition(before.show(r.session, object)); err != nil {
		return nil, err
	}
	if err := r.removeMemberships(ctx, client.MatchingFields{"spec.user": r.id}); err != nil {
		return nil, err
	}
	if err := r.delete(ctx, object); err != nil {
		return nil, err
	}
	return &answer{code: http.StatusNoContent}, nil
}

// queryUsers finds Users. By id, userName and externalId the API server finds them; for everything else all are read.
func queryUsers(ctx context.Context, r *request) (*answer, error) {
	wanted, err := parseFilter(r.URL.Query().Get("filter"), userTypes)
	if err != nil {
		return nil, err
	}
	users := &v1alpha1.UserList{}
	if err := r.candidates(ctx, wanted, users); err != nil {
		return nil, err
	}
	shown := make([]*resource, 0, len(users.Items))
	for i := range users.Items {
		object := &users.Items[i]
		if read := userOf(object); object.DeletionTimestamp.IsZero() {
			shown = append(shown, read.show(r.session, object))
		}
	}
	return r.page(shown, wanted, userTypes)
}

// candidates reads the objects among which those are that a filter wants.
func (s session) candidates(ctx context.Context, wanted filter.Expression, list client.ObjectList) error {
	labels := client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.ManagedBySCIM}
	options := []client.ListOption{client.InNamespace(s.organization), labels}
	_, areUsers := list.(*v1alpha1.UserList)
	if id, is := required(wanted, "id"); is {
		options = append(options, client.MatchingFields{"metadata.name": id})
	} else if subject, is := required(wanted, "username"); is && areUsers {
		options = append(options, client.MatchingFields{"spec.subject": subject})
	} else if external, is := required(wanted, "externalid"); is {
		labels[labelExternalID] = digest(external)
	}
	return s.client.List(ctx, list, options...)
}
