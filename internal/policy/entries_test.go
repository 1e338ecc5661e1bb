package policy_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

// catalogue is one of a fixed content.
type catalogue map[string]policy.Permission

func (c catalogue) Permission(name string) (policy.Permission, bool) {
	permission, ok := c[name]
	return permission, ok
}

var known = catalogue{"App:View": view, "App:Edit": view, "Job:Run": {Type: "Job"}, "Job\n:Stop": {Type: "Job"}}

func TestParseEntriesLetsGoodEntriesStandBesideBadOnes(t *testing.T) {
	grants, faults := policy.ParseEntries([]v1alpha1.PermissionEntry{
		{Permission: "App:View"},
		{Permission: "App:Delete"},
		{Permission: "App:Edit", Conditions: conditions{"floor": equals("three")}},
		{Permission: "App:Edit", Conditions: conditions{"floor": equals("3")}},
		{Permission: "Job:Run", Conditions: conditions{"floor": equals("3")}},
		{Permission: "App:View"},
		{Permission: "app:view"},
	}, known)
	want := []policy.Grant{
		{Permission: "App:View"},
		{Permission: "App:Edit", Tests: []policy.Test{{"floor", v1alpha1.AttributeNumber, isIn, number(3)}}},
		{Permission: "App:View"},
	}
	if !reflect.DeepEqual(grants, want) {
		t.Errorf("got the grants %+v, want %+v", grants, want)
	}
	var found [][2]string
	for _, fault := range faults {
		found = append(found, [2]string{fault.Permission, fault.Reason})
		if fault.Message == "" {
			t.Errorf("the fault of %s says nothing", fault.Permission)
		}
	}
	if wanted := [][2]string{
		{"App:Delete", v1alpha1.ReasonPermissionNotFound},
		{"App:Edit", v1alpha1.ReasonValueInvalid},
		{"Job:Run", v1alpha1.ReasonAttributeNotFound},
		{"app:view", v1alpha1.ReasonPermissionNotFound},
	}; !slices.Equal(found, wanted) {
		t.Errorf("got the faults %v, want %v", found, wanted)
	}
}

func TestParseEntryHoldsAPermissionAgainstTheTypeOfTheScope(t *testing.T) {
	for _, c := range []struct{ permission, ofType, reason string }{
		{"App:View", "", ""},
		{"App:View", "App", ""},
		{"App:View", "Job", v1alpha1.ReasonPermissionOfOtherType},
		{"App:View", "app", v1alpha1.ReasonPermissionOfOtherType},
		{"App:None", "App", v1alpha1.ReasonPermissionNotFound},
		{"Job\n:Stop", "", v1alpha1.ReasonValueInvalid}, // the store takes no control characters
	} {
		grant, fault := policy.ParseEntry(v1alpha1.PermissionEntry{Permission: c.permission}, known, c.ofType)
		switch {
		case c.reason == "" && (fault != nil || grant.Permission != c.permission):
			t.Errorf("%s at %q: got %+v, %+v; want it granted", c.permission, c.ofType, grant, fault)
		case c.reason != "" && (fault == nil || fault.Reason != c.reason || grant.Permission != ""):
			t.Errorf("%s at %q: got %+v, %+v; want nothing granted, and %s", c.permission, c.ofType, grant, fault, c.reason)
		}
	}
}

func TestOnlyWhatADeclarationCanMendComesByItself(t *testing.T) {
	for reason, want := range map[string]bool{
		v1alpha1.ReasonPermissionNotFound:     true,
		v1alpha1.ReasonAttributeNotFound:      true,
		v1alpha1.ReasonValueInvalid:           false,
		v1alpha1.ReasonPermissionOfOtherType:  false,
		v1alpha1.ReasonConditionTooExpensive:  false,
		"a reason that nobody has thought of": false,
	} {
		if got := policy.CanComeByItself(reason); got != want {
			t.Errorf("%s: got %t, want %t", reason, got, want)
		}
	}
}

func TestAssignableAtFollowsTheTypeAndTheLevels(t *testing.T) {
	const organization, workspace, project, resource = v1alpha1.LevelOrganization, v1alpha1.LevelWorkspace, v1alpha1.LevelProject, v1alpha1.LevelResource
	all := []v1alpha1.ScopeLevel{organization, workspace, project, resource}
	containers := []v1alpha1.ScopeLevel{organization, workspace, project}
	for name, c := range map[string]struct {
		role v1alpha1.RoleSpec
		want []v1alpha1.ScopeLevel
	}{
		"Standard":                       {v1alpha1.RoleSpec{Type: v1alpha1.RoleStandard}, containers},
		"Base":                           {v1alpha1.RoleSpec{Type: v1alpha1.RoleBase}, containers},
		"the type left out":              {v1alpha1.RoleSpec{}, containers},
		"Share":                          {v1alpha1.RoleSpec{Type: v1alpha1.RoleShare}, []v1alpha1.ScopeLevel{resource}},
		"Standard at projects":           {v1alpha1.RoleSpec{Type: v1alpha1.RoleStandard, AssignableAt: []v1alpha1.ScopeLevel{project}}, []v1alpha1.ScopeLevel{project}},
		"Base at two levels":             {v1alpha1.RoleSpec{Type: v1alpha1.RoleBase, AssignableAt: []v1alpha1.ScopeLevel{project, organization}}, []v1alpha1.ScopeLevel{organization, project}},
		"Share at resources":             {v1alpha1.RoleSpec{Type: v1alpha1.RoleShare, AssignableAt: []v1alpha1.ScopeLevel{resource}}, []v1alpha1.ScopeLevel{resource}},
		"Share with a level of others":   {v1alpha1.RoleSpec{Type: v1alpha1.RoleShare, AssignableAt: []v1alpha1.ScopeLevel{project}}, nil},
		"Standard with Share's level":    {v1alpha1.RoleSpec{Type: v1alpha1.RoleStandard, AssignableAt: []v1alpha1.ScopeLevel{resource}}, nil},
		"Standard at all levels, widely": {v1alpha1.RoleSpec{Type: v1alpha1.RoleStandard, AssignableAt: all}, containers},
	} {
		var got []v1alpha1.ScopeLevel
		for _, level := range all {
			if policy.AssignableAt(&c.role, level) {
				got = append(got, level)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: assignable at %v, want %v", name, got, c.want)
		}
	}
}
