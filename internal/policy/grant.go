package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// Window is when something holds: from From on, until and without Until. Zero times are open ends.
type Window struct {
	From, Until time.Time
}

// Includes says whether an instant is in the window: its beginning is, its end is not.
func (w Window) Includes(instant time.Time) bool {
	return !instant.Before(w.From) && (w.Until.IsZero() || instant.Before(w.Until))
}

// Within is the part of a window that lies in another one; false where there is none.
func (w Window) Within(other Window) (Window, bool) {
	if other.From.After(w.From) {
		w.From = other.From
	}
	if w.Until.IsZero() || !other.Until.IsZero() && other.Until.Before(w.Until) {
		w.Until = other.Until
	}
	return w, w.Until.IsZero() || w.From.Before(w.Until)
}

// Grant is one permission, within a window and under tests that must all be met.
type Grant struct {
	Permission string
	Tests      []Test
	Window     Window
}

// Always says whether the permission is granted at any time and whatever the attributes are.
func (g Grant) Always() bool { return len(g.Tests) == 0 && g.Window == (Window{}) }

// TestsKey tells the conditions of grants apart: the same ones have the same key, in whatever order their values are.
func (g Grant) TestsKey() string {
	if len(g.Tests) == 0 {
		return ""
	}
	var key strings.Builder
	for _, test := range g.Tests {
		values := make([]string, len(test.Values))
		for n, value := range test.Values {
			values[n] = value.String()
		}
		slices.Sort(values)
		fmt.Fprintf(&key, "%q %s %s %q\n", test.Attribute, test.Type, test.Operator, values)
	}
	return key.String()
}

// TestsText is the conditions of a grant in words, each as it is written in a manifest.
func (g Grant) TestsText() string {
	texts := make([]string, 0, len(g.Tests))
	for _, test := range g.Tests {
		texts = append(texts, test.String())
	}
	return strings.Join(texts, " and ")
}

// ParseEntries reads the entries of a role or grant. An entry that is wrong grants nothing and is a
// fault; the others stand.
func ParseEntries(entries []v1alpha1.PermissionEntry, catalogue Catalogue) (grants []Grant, faults []v1alpha1.PermissionFault) {
	for _, entry := range entries {
		grant, fault := ParseEntry(entry, catalogue, "")
		if fault != nil {
			faults = append(faults, v1alpha1.PermissionFault{Permission: entry.Permission, Reason: fault.Reason, Message: fault.Message})
			continue
		}
		grants = append(grants, grant)
	}
	return grants, faults
}

// ParseEntry reads one entry. Unless it is empty, ofType is the resource type that the permission must
// belong to.
func ParseEntry(entry v1alpha1.PermissionEntry, catalogue Catalogue, ofType string) (Grant, *Fault) {
	permission, ok := catalogue.Permission(entry.Permission)
	if !ok {
		return Grant{}, &Fault{v1alpha1.ReasonPermissionNotFound, fmt.Sprintf(
			"no ResourceType declares the permission %q: correct the name, or declare it", entry.Permission)}
	}
	if hasControl(entry.Permission) {
		return Grant{}, &Fault{v1alpha1.ReasonValueInvalid, fmt.Sprintf(
			"the permission %q has a control character in its name, which the store does not take: give it another name in ResourceType %s", entry.Permission, permission.Type)}
	}
	if ofType != "" && permission.Type != ofType {
		return Grant{}, &Fault{v1alpha1.ReasonPermissionOfOtherType, fmt.Sprintf(
			"the permission %q belongs to %s and not to scope.resource.type %s: use a permission of that type, or another scope",
			entry.Permission, permission.Type, ofType)}
	}
	tests, fault := ParseTests(entry.Conditions, permission)
	if fault != nil {
		return Grant{}, fault
	}
	return Grant{Permission: entry.Permission, Tests: tests}, nil
}

// CanComeByItself says whether a fault may go away without an edit of the object that has it: what it
// names may still be declared.
func CanComeByItself(reason string) bool {
	switch reason {
	case v1alpha1.ReasonPermissionNotFound, v1alpha1.ReasonAttributeNotFound:
		return true
	}
	return false
}

// AssignableAt says whether a role may be assigned at a level.
func AssignableAt(role *v1alpha1.RoleSpec, level v1alpha1.ScopeLevel) bool {
	if (role.Type == v1alpha1.RoleShare) != (level == v1alpha1.LevelResource) {
		return false
	}
	if len(role.AssignableAt) == 0 {
		return true
	}
	return slices.Contains(role.AssignableAt, level)
}
