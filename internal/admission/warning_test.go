package admission

import (
	"strings"
	"testing"
)

func TestAValueOfTheAnnotationThatPausesNothingIsWarnedOf(t *testing.T) {
	for _, c := range []struct {
		before, now string
		warned      bool
	}{
		{"", "yes", true}, {"", "True", true}, {"true", "yes", true}, {"no", "yes", true},
		{"", "true", false}, {"", "", false}, {"true", "false", false}, {"yes", "", false},
		{"yes", "yes", false}, // another edit
	} {
		got := strings.Join(warnPause(c.before, c.now), "\n")
		if (got != "") != c.warned || c.warned && !strings.Contains(got, `paused]: "`+c.now+`" pauses nothing: write "true"`) {
			t.Errorf("%q after %q: %q", c.now, c.before, got)
		}
	}
}

func TestOnlyADurationAloneBeginsAnew(t *testing.T) {
	for object, want := range map[string]bool{
		`{"kind":"TemporaryPermissionGrant","spec":{"duration":"PT8H"}}`:                                   true,
		`{"kind":"TemporaryPermissionGrant","spec":{"duration":"PT8H","startsAt":"2030-01-01T00:00:00Z"}}`: false,
		`{"kind":"TemporaryPermissionGrant","spec":{"expiresAt":"2030-01-01T00:00:00Z"}}`:                  false,
		`{"kind":"PermissionGrant","spec":{}}`:                                                             false,
		`{"kind":"Invitation","spec":{"validFor":"PT8H"}}`:                                                 false,
	} {
		if got := beginsAnew([]byte(object)); got != want {
			t.Errorf("%s: %t", object, got)
		}
	}
}
