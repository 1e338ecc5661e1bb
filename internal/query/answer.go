package query

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
)

// Question asks whether a user may do something somewhere.
type Question struct {
	// User is the name of a User.
	User       string
	Permission string
	At         scope.Path
	// Attributes are those of the request, as JSON has them: a number is a float64.
	Attributes map[string]any
}

// Verdict is the short answer.
type Verdict string

// The verdicts.
const (
	Yes Verdict = "Yes"
	No  Verdict = "No"
	// Unknown is the answer where not everything that it depends on could be read, or where the operator
	// has not confirmed it yet.
	Unknown Verdict = "Unknown"
)

// Answer is the answer to a question, and what it rests on.
type Answer struct {
	Verdict Verdict `json:"answer"`
	// Because says, where the question itself names something that is not there, what that is.
	Because string `json:"because,omitempty"`
	// Ways are the ways in which the user holds the permission there, those whose conditions the request
	// does not meet included.
	Ways []Way `json:"ways"`
	// Misses are ways in which the user would hold it if one thing were different, the nearest first. There
	// are none where the answer is yes.
	Misses []Miss `json:"misses,omitempty"`
	// Behind are objects that concern the user and that the operator has not caught up with.
	Behind []Object `json:"behind,omitempty"`
	// Unread are the kinds that could not be read.
	Unread []string `json:"unread,omitempty"`
}

// Object names an object of the organization.
type Object struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// Way is one way in which a user holds a permission.
type Way struct {
	// At is where it is given, as a path; it holds there and everywhere below.
	At string `json:"at"`
	// Via are the objects that make it, from what gives the permission to what makes the user its subject.
	Via []Object `json:"via"`
	// Until is when it ends, for what is temporary.
	Until *metav1.Time `json:"until,omitempty"`
	// Conditions must all be met by the request.
	Conditions []Condition `json:"conditions,omitempty"`
	// Met says whether the request does.
	Met bool `json:"met"`
	// Confirmed says whether the operator has confirmed that the store holds it.
	Confirmed bool `json:"confirmed"`

	unmet []policy.Test
}

// Condition is a condition on an attribute.
type Condition struct {
	Attribute string                 `json:"attribute"`
	Type      v1alpha1.ConditionType `json:"type"`
	Values    []string               `json:"values"`
	Met       bool                   `json:"met"`
}

// String is the condition in words.
func (c Condition) String() string {
	if c.Type == v1alpha1.ConditionIn {
		return fmt.Sprintf("%s In [%s]", c.Attribute, strings.Join(c.Values, ", "))
	}
	return fmt.Sprintf("%s %s %s", c.Attribute, c.Type, c.Values[0])
}

// Ask answers a question.
func (w *World) Ask(q Question) Answer {
	answer := Answer{Because: w.Unfounded(q), Ways: w.ways(q), Behind: w.behind(q.User), Unread: w.unread}
	met := func(way Way) bool { return way.Met }
	confirmed := func(way Way) bool { return way.Met && way.Confirmed }
	switch {
	case slices.ContainsFunc(answer.Ways, confirmed):
		answer.Verdict = Yes
	case slices.ContainsFunc(answer.Ways, met), len(answer.Behind) > 0, len(answer.Unread) > 0:
		answer.Verdict = Unknown
	default:
		answer.Verdict = No
	}
	if !slices.ContainsFunc(answer.Ways, met) && answer.Because == "" {
		answer.Misses = w.misses(q, answer.Ways)
	}
	return answer
}

// Unfounded names what the question rests on and what is not there; empty when all of it is. It says
// nothing of what could not be read, nor of a user where the question names none.
func (w *World) Unfounded(q Question) string {
	there := func(kind string) bool { return !slices.Contains(w.unread, kind) }
	organization, _ := w.objects[kinds.Ref{Kind: kinds.Organization, Name: w.organization}].(*v1alpha1.Organization)
	switch {
	case w.NoOrganization() != "":
		return w.NoOrganization()
	case organization != nil && !declares(organization, q.At.Container()):
		return fmt.Sprintf("the Organization %s does not declare %s", w.organization, q.At.Container())
	}
	if _, known := w.Permission(q.Permission); !known && there(kinds.ResourceType) {
		return fmt.Sprintf("no ResourceType declares the permission %q%s", q.Permission, didYouMean(w.state.NearPermission(q.Permission)))
	}
	if q.At.ResourceType != "" && !w.state.HasType(q.At.ResourceType) && there(kinds.ResourceType) {
		return fmt.Sprintf("no ResourceType has the type %q", q.At.ResourceType)
	}
	if q.User == "" {
		return ""
	}
	outcome, known := w.state.Outcome(w.ref(kinds.User, q.User))
	switch {
	case !known && there(kinds.User):
		return fmt.Sprintf("there is no User %s in %s", q.User, w.organization)
	case known && outcome.Reason == v1alpha1.ReasonSubjectTaken:
		return fmt.Sprintf("the User %s: %s", q.User, outcome.Message)
	}
	return ""
}

// NoOrganization says that there is no Organization, if that is known; empty otherwise.
func (w *World) NoOrganization() string {
	if _, there := w.objects[kinds.Ref{Kind: kinds.Organization, Name: w.organization}]; there || slices.Contains(w.unread, kinds.Organization) {
		return ""
	}
	return fmt.Sprintf("there is no Organization %s", w.organization)
}

func didYouMean(near string) string {
	if near == "" {
		return ""
	}
	return fmt.Sprintf(": did you mean %s?", near)
}

// Who are all users who hold a permission, by name, with the ways in which they do; where only those that a
// request meets count, without the others. The question names no user.
func (w *World) Who(q Question, onlyMet bool) iter.Seq2[string, []Way] {
	return func(yield func(string, []Way) bool) {
		for _, q.User = range w.Users() {
			ways := slices.DeleteFunc(w.ways(q), func(way Way) bool { return onlyMet && !way.Met })
			if len(ways) > 0 && !yield(q.User, ways) {
				return
			}
		}
	}
}

// ResourceTypes are the types that ResourceTypes have, sorted.
func (w *World) ResourceTypes() []string {
	var types []string
	for _, object := range w.objects {
		if declared, ok := object.(*v1alpha1.ResourceType); ok {
			types = append(types, declared.Spec.Type)
		}
	}
	slices.Sort(types)
	return slices.Compact(types)
}

// Permissions are all that ResourceTypes declare, sorted.
func (w *World) Permissions() []string {
	var permissions []string
	for _, object := range w.objects {
		if declared, ok := object.(*v1alpha1.ResourceType); ok {
			for _, permission := range declared.Spec.Permissions {
				permissions = append(permissions, permission.Name)
			}
		}
	}
	slices.Sort(permissions)
	return slices.Compact(permissions)
}

// Scopes are the workspaces and projects that the Organization declares, as questions name them.
func (w *World) Scopes() (scopes []string) {
	organization, ok := w.objects[kinds.Ref{Kind: kinds.Organization, Name: w.organization}].(*v1alpha1.Organization)
	if !ok {
		return nil
	}
	for _, workspace := range organization.Spec.Workspaces {
		scopes = append(scopes, workspace.Name)
		for _, project := range workspace.Projects {
			scopes = append(scopes, workspace.Name+"/"+project.Name)
		}
	}
	return scopes
}

func declares(organization *v1alpha1.Organization, at scope.Path) bool {
	if at.Workspace == "" {
		return true
	}
	return slices.ContainsFunc(organization.Spec.Workspaces, func(workspace v1alpha1.Workspace) bool {
		return workspace.Name == at.Workspace && (at.Project == "" ||
			slices.ContainsFunc(workspace.Projects, func(project v1alpha1.Project) bool { return project.Name == at.Project }))
	})
}

// held are the ways in which the state says that the user holds the permission at a path.
func (w *World) held(q Question, at scope.Path) []entitlement.Entitlement {
	return slices.DeleteFunc(w.state.Held(types.NamespacedName{Namespace: w.organization, Name: q.User}, at), func(access entitlement.Entitlement) bool {
		return access.Grant.Permission != q.Permission
	})
}

// ways are the ways at the place that is asked about: those that are met first, then those that last
// longest.
func (w *World) ways(q Question) []Way {
	ways := []Way{}
	for _, access := range w.held(q, q.At) {
		ways = append(ways, w.way(q, access))
	}
	slices.SortStableFunc(ways, func(a, b Way) int {
		return cmp.Or(len(a.unmet)-len(b.unmet), compareEnds(a.Until, b.Until))
	})
	return ways
}

// compareEnds puts what ends later before, and what does not end first.
func compareEnds(a, b *metav1.Time) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	default:
		return b.Compare(a.Time)
	}
}

func (w *World) way(q Question, access entitlement.Entitlement) Way {
	way := Way{At: access.At.String(), unmet: access.Grant.Unmet(q.Attributes), Confirmed: w.confirmed(q.User, access), Via: objectsOf(access.Through)}
	way.Met = len(way.unmet) == 0
	if until := access.Grant.Window.Until; !until.IsZero() {
		way.Until = &metav1.Time{Time: until.UTC()}
	}
	for _, test := range access.Grant.Tests {
		condition := conditionOf(test)
		condition.Met = !slices.ContainsFunc(way.unmet, func(unmet policy.Test) bool { return unmet.Attribute == test.Attribute })
		way.Conditions = append(way.Conditions, condition)
	}
	return way
}

// conditionOf writes a test as the resources do.
func conditionOf(test policy.Test) Condition {
	condition := Condition{Attribute: test.Attribute, Type: test.Operator}
	if test.Operator == v1alpha1.ConditionIn && len(test.Values) == 1 {
		condition.Type = v1alpha1.ConditionEquals
	}
	for _, value := range test.Values {
		condition.Values = append(condition.Values, value.String())
	}
	return condition
}
