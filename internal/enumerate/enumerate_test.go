package enumerate_test

import (
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/enumerate"
)

func TestManyThingsAreNamedInPart(t *testing.T) {
	for want, things := range map[string][]string{"": nil, "a": {"a"}, "a, b": {"a", "b"}, "a, b, and 1 more": {"a", "b", "c"}, "a, b, and 2 more": {"a", "b", "c", "d"}} {
		if got := enumerate.Some(things, 2, ", "); got != want {
			t.Errorf("%v: %q, want %q", things, got, want)
		}
	}
}
