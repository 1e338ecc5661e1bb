// Package caller says how an application asks for decisions, as that is declared with its key or its ServiceAccount.
package caller

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/scope"
)

// Profile is what a request can't change.
type Profile struct {
	// DefaultScope is where an object lies of which a question does not say that; the zero Path where there is none.
	DefaultScope scope.Path
	// SubjectTypes are what the caller calls Users, nil for defaultSubjectType.
	SubjectTypes []string
	// ReportsUnknown has answers name what in a question nothing is known of.
	ReportsUnknown bool
}

// defaultSubjectType is what a caller calls a User, unless its declaration says otherwise.
const defaultSubjectType = "user"

// AsksAbout says whether subjects of this type are Users to the caller.
func (p Profile) AsksAbout(subjectType string) bool {
	if p.SubjectTypes == nil {
		return subjectType == defaultSubjectType
	}
	return slices.Contains(p.SubjectTypes, subjectType)
}

// The annotations of a ServiceAccount that declare its Profile.
const (
	AnnotationDefaultScope  = "authz.bailiwick.dev/default-scope"
	AnnotationSubjectTypes  = "authz.bailiwick.dev/subject-types"
	AnnotationReportUnknown = "authz.bailiwick.dev/report-unknown"
)

// FromAnnotations reads the Profile of a ServiceAccount. The error names the annotation, and says what to write.
func FromAnnotations(annotations map[string]string) (Profile, error) {
	var p Profile
	if path, given := annotations[AnnotationDefaultScope]; given {
		segments := strings.Split(path, "/")
		if len(segments) > 3 || slices.Contains(segments, "") {
			return Profile{}, fmt.Errorf("the annotation %s is %.128q: write a path, as in acme, acme/prod or acme/prod/vision", AnnotationDefaultScope, path)
		}
		segments = append(segments, "", "")
		p.DefaultScope = scope.Path{Organization: segments[0], Workspace: segments[1], Project: segments[2]}
	}
	if list, given := annotations[AnnotationSubjectTypes]; given {
		for name := range strings.SplitSeq(list, ",") {
			p.SubjectTypes = append(p.SubjectTypes, strings.TrimSpace(name))
		}
		if slices.Contains(p.SubjectTypes, "") {
			return Profile{}, fmt.Errorf("the annotation %s is %.128q: write types with commas between them, as in user,identity", AnnotationSubjectTypes, list)
		}
	}
	switch written, given := annotations[AnnotationReportUnknown]; {
	case given && written != "true" && written != "false":
		return Profile{}, errors.New("the annotation " + AnnotationReportUnknown + " is neither true nor false")
	case given:
		p.ReportsUnknown = written == "true"
	}
	return p, nil
}
