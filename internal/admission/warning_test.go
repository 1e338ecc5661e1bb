package admission

import "testing"

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
