package admission

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"gomodules.xyz/jsonpatch/v2"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// StampPath is where the API server calls the stamping webhook.
const StampPath = "/stamp"

// grants are the resources that say who made them and when.
var grants = map[string]bool{"permissiongrants": true, "temporarypermissiongrants": true}

const invitations = "invitations"

// Stamper is the mutating webhook.
type Stamper struct {
	// Reviewer says what a requester may do.
	Reviewer *Reviewer
	// Clock says when a grant is made.
	Clock clock.PassiveClock
	// State is what the cluster says, by which names mean somebody; nil until it is known.
	State func() *state.State
	// UsernamePrefix is what the API server puts before the names of those who are known by their subject.
	UsernamePrefix string
}

// Handle implements admission.Handler. It changes metadata only, but for the names of those who ask for access or decide.
func (s *Stamper) Handle(ctx context.Context, request admission.Request) admission.Response {
	metadata, err := metadataOf(request.Object.Raw)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	asked := stampedOf(metadata)
	var pausedBefore string
	var old *metav1.ObjectMeta
	switch request.Operation {
	case admissionv1.Create:
		if request.Resource.Resource == invitations {
			err = acceptOnCreate(metadata, acceptedBy(request.Object.Raw), s.requester(ctx, &request), s.Clock.Now())
			if err != nil {
				return admission.Errored(http.StatusInternalServerError, err)
			}
		}
		err = stampOnCreate(metadata, grants[request.Resource.Resource], s.requester(ctx, &request), s.Clock.Now())
		if err != nil {
			return admission.Errored(http.StatusInternalServerError, err)
		}
	case admissionv1.Update:
		if old, err = metadataOf(request.OldObject.Raw); err != nil {
			return admission.Errored(http.StatusBadRequest, err)
		}
		pausedBefore = old.Annotations[v1alpha1.AnnotationPaused]
		var refused refusal
		switch err := keepOnUpdate(old, metadata, s.requester(ctx, &request)); {
		case errors.As(err, &refused):
			noteDenied(ctx, &request, "Stamped")
			return admission.Denied(refused.Error())
		case err != nil:
			return admission.Errored(http.StatusInternalServerError, err)
		}
		if request.Resource.Resource == invitations {
			acceptOnUpdate(old, metadata, acceptedBy(request.OldObject.Raw), acceptedBy(request.Object.Raw), s.Clock.Now())
		}
	default:
		return admission.Allowed("")
	}
	var refused refusal
	switch err := s.stampAuthor(ctx, &request, old, metadata); {
	case errors.As(err, &refused):
		noteDenied(ctx, &request, "Stamped")
		return admission.Denied(refused.Error())
	case errors.Is(err, errNotLoaded):
		noteDenied(ctx, &request, "NotLoaded")
		return admission.Errored(http.StatusServiceUnavailable, err)
	case err != nil:
		return admission.Errored(http.StatusInternalServerError, err)
	}
	patches, err := patchesOf(asked, stampedOf(metadata))
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, err)
	}
	warnings := warnPause(pausedBefore, metadata.Annotations[v1alpha1.AnnotationPaused])
	if request.Operation == admissionv1.Create {
		patches = append(patches, fillIn(&request)...)
		if beginsAnew(&request) {
			warnings = append(warnings, "spec.duration alone begins anew when the grant is deleted and applied again: in git, write expiresAt, or startsAt too")
		}
	}
	return admission.Patched("", patches...).WithWarnings(warnings...)
}

// warnPause names the annotation's only value that pauses where another one is written: no object says otherwise that it
// is not paused. "false" means what it does.
func warnPause(before, now string) []string {
	if now == before || now == "" || now == "true" || now == "false" {
		return nil
	}
	return []string{fmt.Sprintf("metadata.annotations[%s]: %q pauses nothing: write \"true\", or leave the annotation out", v1alpha1.AnnotationPaused, now)}
}

// fillIn says who asks for access, or decides, where that is left out.
func fillIn(request *admission.Request) []jsonpatch.Operation {
	field := map[string]string{accessRequests: "requester", accessDecisions: "decider"}[request.Resource.Resource]
	if field == "" {
		return nil
	}
	var object struct {
		Spec map[string]json.RawMessage `json:"spec"`
	}
	if err := json.Unmarshal(request.Object.Raw, &object); err != nil || object.Spec == nil {
		return nil // the schema refuses it
	}
	if said := object.Spec[field]; said != nil && string(said) != `""` {
		return nil
	}
	return []jsonpatch.Operation{jsonpatch.NewOperation("add", "/spec/"+field, request.UserInfo.Username)}
}

// beginsAnew says whether an object is a temporary grant of duration alone.
func beginsAnew(request *admission.Request) bool {
	if request.Resource.Resource != "temporarypermissiongrants" {
		return false
	}
	var object struct {
		Spec struct {
			Duration *string `json:"duration"`
			StartsAt *string `json:"startsAt"`
		} `json:"spec"`
	}
	err := json.Unmarshal(request.Object.Raw, &object)
	return err == nil && object.Spec.Duration != nil && object.Spec.StartsAt == nil
}

// acceptedBy is the user who has accepted an invitation; empty for what is none.
func acceptedBy(raw []byte) string {
	var object struct {
		Spec struct {
			AcceptedBy string `json:"acceptedBy"`
		} `json:"spec"`
	}
	if json.Unmarshal(raw, &object) != nil {
		return "" // the schema refuses it
	}
	return object.Spec.AcceptedBy
}

func metadataOf(raw []byte) (*metav1.ObjectMeta, error) {
	var object metav1.PartialObjectMetadata
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, fmt.Errorf("reading the object's metadata: %w", err)
	}
	return &object.ObjectMeta, nil
}

// stamped is what a stamp can change of an object's metadata.
type stamped struct {
	Annotations map[string]string `json:"annotations,omitempty"`
	Finalizers  []string          `json:"finalizers,omitempty"`
}

func stampedOf(metadata *metav1.ObjectMeta) stamped {
	return stamped{maps.Clone(metadata.Annotations), slices.Clone(metadata.Finalizers)}
}

// patchesOf lead from what was asked for to what is stamped. Only the two are compared: the rest of an object can be large.
func patchesOf(asked, now stamped) ([]jsonpatch.Operation, error) {
	before, err := json.Marshal(asked)
	if err != nil {
		return nil, fmt.Errorf("writing what was asked for: %w", err)
	}
	after, err := json.Marshal(now)
	if err != nil {
		return nil, fmt.Errorf("writing the stamps: %w", err)
	}
	patches, err := jsonpatch.CreatePatch(before, after)
	if err != nil {
		return nil, fmt.Errorf("comparing the stamps with what was asked for: %w", err)
	}
	for n := range patches {
		patches[n].Path = "/metadata" + patches[n].Path
	}
	return patches, nil
}

// requester is who makes a request, with the question whether they may do more than they are given.
func (s *Stamper) requester(ctx context.Context, request *admission.Request) Requester {
	return Requester{Name: request.UserInfo.Username, MayEscalate: func() (bool, error) { return s.Reviewer.May(ctx, kinds.VerbEscalate, request) }}
}
