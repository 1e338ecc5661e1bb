// Package objectname makes names of objects from what directories and people call things.
package objectname

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

const (
	// maxLength is how long the name of a User or a Group may be.
	maxLength = 63
	// digestLength is how many hexadecimal digits tell derived names apart.
	digestLength = 10
)

// Candidates are the names to try for the object of what a directory calls something, the best first. A text
// that is a name already is kept. Otherwise its letters and digits are, in small letters, and a digest of the
// text tells those apart that would become one. The last ones are for when somebody has chosen the others.
func Candidates(text string) (candidates []string) {
	if len(text) <= maxLength && len(validation.IsDNS1123Subdomain(text)) == 0 {
		candidates = append(candidates, text)
	}
	readable := strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}), "-")
	readable = strings.TrimRight(readable[:min(len(readable), maxLength-digestLength-1)], "-")
	if readable == "" {
		readable = "unnamed"
	}
	for _, seed := range []string{text, text + "\x00again", text + "\x00and again"} {
		candidates = append(candidates, readable+"-"+digest(seed))
	}
	return candidates
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])[:digestLength]
}

// Membership is the name of the GroupMembership of a user and a group. Names may have dots in them, so a
// digest tells those apart that would become one.
func Membership(group, user string) string {
	return fmt.Sprintf("%s.%s.%s", group, user, digest(group+"/"+user))
}

// Assignment is the name of a RoleAssignment of a role to somebody. What tells it apart from others of the same two
// is in the digest.
func Assignment(role, subject, apart string) string {
	return fmt.Sprintf("%s.%s.%s", role, subject, digest(apart))
}
