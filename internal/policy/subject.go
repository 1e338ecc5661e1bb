package policy

import (
	"strings"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// systemPrefix begins the names that Kubernetes gives by itself, as those of ServiceAccounts.
const systemPrefix = "system:"

// SubjectOf is the subject that a username of the API server stands for in an organization: what the organization maps it
// to, else the name without the API server's prefix. A name without that prefix is another identity than the one with it, and
// stands for nobody, which is empty; but for Kubernetes' own names, which have no prefix and which no prefix makes.
func SubjectOf(username, prefix string, mapped []v1alpha1.UsernameMapping) string {
	for _, mapping := range mapped {
		if mapping.Username == username {
			return mapping.Subject
		}
	}
	if prefix == "" || strings.HasPrefix(username, systemPrefix) {
		return username
	}
	subject, found := strings.CutPrefix(username, prefix)
	if !found || strings.HasPrefix(subject, systemPrefix) {
		return ""
	}
	return subject
}

// IsServiceAccount says whether a username of the API server is that of a ServiceAccount.
func IsServiceAccount(username string) bool {
	return strings.HasPrefix(username, "system:serviceaccount:")
}

// NearSubjects are the subjects that somebody may have meant by a username of the API server, as Spelling has them: they differ
// in the case of ASCII letters, or in a prefix.
func NearSubjects(username string) (near []string) {
	for rest := Spelling(username); rest != ""; {
		near = append(near, rest)
		end := strings.IndexAny(rest, ":#/|")
		if end < 0 {
			break
		}
		rest = rest[end+1:]
	}
	return near
}

// SameAddress says whether two email addresses are the same but for the case of ASCII letters.
func SameAddress(a, b string) bool { return a == b || SameButCase(a, b) }

// SameButCase says whether two texts differ in the case of ASCII letters alone.
func SameButCase(a, b string) bool { return len(a) == len(b) && a != b && Spelling(a) == Spelling(b) }

// Spelling is the same for texts that differ in the case of ASCII letters alone. It replaces no others: Unicode folds letters that
// are different ones.
func Spelling(text string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}
