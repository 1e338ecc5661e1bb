package objectname

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
)

func TestNames(t *testing.T) { // [P1]
	for text, want := range map[string]string{
		"alice":             "alice",
		"alice.amari":       "alice.amari",
		"Alice":             "alice-3bc51062",
		"alice@example.com": "alice-example-com-",
		"Zoë  O'Hara":       "zo-o-hara-",
		"北京":                "unnamed-",
		"..":                "unnamed-",
	} {
		if got := Candidates(text); !strings.HasPrefix(got[0], want) {
			t.Errorf("%q: %v, want %s", text, got, want)
		}
	}
	texts := []string{
		"alice@example.com", "Alice@example.com", "alice@example-com", "alice example.com", "alice+example.com", "alice-example-com",
		strings.Repeat("a", 512), strings.Repeat("a", 511) + "b", "北京", "東京", strings.Repeat("a", 64), "a\x00b", "a\nb",
	}
	seen := map[string]string{}
	for _, text := range texts {
		names := Candidates(text)
		if other, taken := seen[names[0]]; taken {
			t.Errorf("%q and %q are both %s", text, other, names[0])
		}
		seen[names[0]] = text
		for i, name := range names {
			if len(name) > maxLength || len(validation.IsDNS1123Subdomain(name)) > 0 || slices.Contains(names[:i], name) {
				t.Errorf("%q: %v", text, names)
			}
		}
	}
	if Membership("a.b", "c") == Membership("a", "b.c") {
		t.Error("two memberships of one name")
	}
}
