package admission

import (
	"context"
	"errors"
	"fmt"
	"slices"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// giving are the resources that give something to whom they name, named those that they name. Both say who wrote them.
var (
	giving = resourcesWith(func(r resource) bool { return r.InForce })
	named  = resourcesWith(func(r resource) bool { return r.Named })
)

var errNotLoaded = errors.New("the operator has not loaded the cluster's objects yet, so it can't tell who is meant by a name: try again in a moment")

// stampAuthor says on an object who wrote what it gives, or who made it. Nobody can say so themselves. A giving object is its
// last author's, but for edits that only take away; what others name is its maker's, until somebody confirms its name.
func (s *Stamper) stampAuthor(ctx context.Context, request *admission.Request, old, metadata *metav1.ObjectMeta) error {
	resource := request.Resource.Resource
	if !giving[resource] && !named[resource] {
		return nil
	}
	before, stamped := "", false
	if old != nil {
		before, stamped = old.Annotations[v1alpha1.AnnotationAuthor]
	}
	delete(metadata.Annotations, v1alpha1.AnnotationAuthor)
	written, confirms, err := s.writes(request, old, metadata)
	if err != nil {
		return err
	}
	if !written && !confirms {
		if stamped {
			metav1.SetMetaDataAnnotation(metadata, v1alpha1.AnnotationAuthor, before)
		}
		return nil
	}
	author, err := s.authorOf(ctx, request)
	if err != nil {
		return err
	}
	if confirms && author.Verb == "" {
		return refusal(fmt.Sprintf("metadata.annotations[%s]: confirming that a name means this one needs the verb %s on %s: leave it out, or ask someone who has it",
			v1alpha1.AnnotationConfirmed, resources[resource].Verb, resource))
	}
	if old != nil {
		author.Generation = old.Generation + 1
	}
	if old != nil && giving[resource] && author.Verb == "" {
		before, err := resources[resource].decode(request.OldObject, request.Namespace)
		if err != nil {
			return err
		}
		author.Before = state.GivenBefore(before.(v1alpha1.Object))
	}
	stamp, err := author.Stamp()
	if err != nil {
		return fmt.Errorf("writing down who wrote the object: %w", err)
	}
	metav1.SetMetaDataAnnotation(metadata, v1alpha1.AnnotationAuthor, stamp)
	return nil
}

// writes says whether a request writes what the object gives, or makes it, and whether it confirms its name.
func (s *Stamper) writes(request *admission.Request, old, metadata *metav1.ObjectMeta) (written, confirms bool, err error) {
	resource := request.Resource.Resource
	confirmed := metadata.Annotations[v1alpha1.AnnotationConfirmed]
	if old == nil {
		return true, named[resource] && confirmed != "", nil
	}
	if named[resource] {
		return false, confirmed != "" && confirmed != old.Annotations[v1alpha1.AnnotationConfirmed], nil
	}
	before, err := resources[resource].decode(request.OldObject, request.Namespace)
	if err != nil {
		return false, false, err
	}
	// What can't be read counts as written: the schema is asked after this, and says which field is wrong.
	if after, err := resources[resource].decode(request.Object, request.Namespace); err == nil {
		return !onlyTakes(before, after), false, nil
	}
	return true, false, nil
}

// authorOf is who makes a request, by which verb, and whom they mean by the names in it.
func (s *Stamper) authorOf(ctx context.Context, request *admission.Request) (*policy.Author, error) {
	known := s.State()
	if known == nil {
		return nil, errNotLoaded
	}
	kind := resources[request.Resource.Resource]
	username := request.UserInfo.Username
	if !policy.CanBeAuthor(username) {
		return nil, refusal(fmt.Sprintf("metadata.annotations[%s]: the API server knows you as %q, and a name with control characters can't be written down as an author's: "+
			"use one without them", v1alpha1.AnnotationAuthor, username))
	}
	author := &policy.Author{Username: username, Subject: known.SubjectOf(organizationOf(request), username, s.UsernamePrefix), Generation: 1}
	switch allowed, err := s.Reviewer.May(ctx, kind.Verb, request); {
	case err != nil:
		return nil, fmt.Errorf("asking whether %q has the verb %s on %s: %w", username, kind.Verb, request.Resource.Resource, err)
	case allowed:
		author.Verb = kind.Verb
	}
	if request.Operation == admissionv1.Create || giving[request.Resource.Resource] {
		// An object that can't be read means nobody by its names.
		if object, err := kind.decode(request.Object, request.Namespace); err == nil {
			known.Means(author, object)
		}
	}
	return author, nil
}

// onlyTakes says whether an update leaves everything as it was, or only takes something away: an earlier end, a later beginning,
// fewer entries. It asks about nothing but the two objects.
func onlyTakes(old, object client.Object) bool {
	switch now := object.(type) {
	case *v1alpha1.RoleAssignment:
		before := old.(*v1alpha1.RoleAssignment)
		kept := now.Spec
		kept.Window = before.Spec.Window
		return equality.Semantic.DeepEqual(before.Spec, kept) && within(now.Spec.Window, before.Spec.Window)
	case *v1alpha1.GroupMembership:
		before := old.(*v1alpha1.GroupMembership)
		kept := now.Spec
		kept.Window = before.Spec.Window
		return equality.Semantic.DeepEqual(before.Spec, kept) && within(now.Spec.Window, before.Spec.Window)
	case *v1alpha1.PermissionGrant:
		before := old.(*v1alpha1.PermissionGrant)
		kept := now.Spec
		kept.Window, kept.Permissions = before.Spec.Window, before.Spec.Permissions
		return equality.Semantic.DeepEqual(before.Spec, kept) && within(now.Spec.Window, before.Spec.Window) && !slices.ContainsFunc(now.Spec.Permissions, func(entry v1alpha1.PermissionEntry) bool {
			return !slices.ContainsFunc(before.Spec.Permissions, func(was v1alpha1.PermissionEntry) bool { return equality.Semantic.DeepEqual(was, entry) })
		})
	case *v1alpha1.TemporaryPermissionGrant:
		before := old.(*v1alpha1.TemporaryPermissionGrant)
		kept := now.Spec
		kept.Tags, kept.Justification, kept.TTLAfterExpired = before.Spec.Tags, before.Spec.Justification, before.Spec.TTLAfterExpired
		return equality.Semantic.DeepEqual(before.Spec, kept)
	}
	return false
}

// within says whether a window is part of another one.
func within(now, before v1alpha1.Window) bool {
	begins := before.StartsAt == nil || now.StartsAt != nil && !now.StartsAt.Before(before.StartsAt)
	ends := before.ExpiresAt == nil || now.ExpiresAt != nil && !before.ExpiresAt.Before(now.ExpiresAt)
	return begins && ends
}
