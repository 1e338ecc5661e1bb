package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// Author is who wrote what an object gives or, of what others name, who made it, as admission has stamped it.
//
// The policy bailiwick-authors compares the beginning of the stamp, as far as Verb, with who makes the request: no field may
// come before these, and nobody but the API server says what stands in Username and Verb.
type Author struct {
	// Username is what the API server knew them by, and Subject whom that stood for in the organization.
	Username string `json:"username"`
	Subject  string `json:"subject,omitempty"`
	// Verb is set where they need not hold what they give.
	Verb string `json:"verb,omitempty"`
	// Generation is the first one that gives what the object gives.
	Generation int64 `json:"generation,omitempty"`
	// Before is what others gave until this generation, which the author need not hold; nil for nothing, or where that would be
	// too long.
	Before *Before `json:"before,omitempty"`
	// User, Group and Invitation are those of the names in the spec that admission found.
	User       *MeantUser `json:"user,omitempty"`
	Group      types.UID  `json:"group,omitempty"`
	Invitation types.UID  `json:"invitation,omitempty"`
}

// MeantUser is the User that an author meant, and whom it stood for.
type MeantUser struct {
	UID     types.UID `json:"uid"`
	Subject string    `json:"subject"`
	// Name is that of the User where an edit may come that nobody stamps, and name another one; empty where it can't.
	Name string `json:"name,omitempty"`
}

// Before is what an object gave.
type Before struct {
	// Generation is the first one that gave it.
	Generation int64 `json:"generation"`
	v1alpha1.Held
}

// anyVerb is the verb of whoever wrote what nobody has stamped.
const anyVerb = "any"

// Unstamped is who wrote what nobody has stamped. The policy bailiwick-authors lets through only what those create without a
// stamp who need not hold what they give, which is how they create it while the operator is away. The operator stamps it so
// when it first sees it, and nobody else can, since nobody's name is empty.
func Unstamped() *Author { return &Author{Verb: anyVerb, Generation: 1} }

// IsUnstamped says whether it is not known who wrote an object.
func (a *Author) IsUnstamped() bool { return a.Username == "" && a.Verb == anyVerb }

// AuthorOf is who an object says has written it; nil where nobody has stamped it. A stamp that admission has not made is that
// of somebody without a name, who holds nothing.
func AuthorOf(annotations map[string]string) *Author {
	stamp := annotations[v1alpha1.AnnotationAuthor]
	if stamp == "" {
		return nil
	}
	var author Author
	if json.Unmarshal([]byte(stamp), &author) != nil || author.Username == "" && !author.IsUnstamped() {
		return &Author{}
	}
	// What the API server has compared stands at the beginning. JSON could say something else later on.
	begins, err := (&Author{Username: author.Username, Subject: author.Subject, Verb: author.Verb}).Stamp()
	if rest, found := strings.CutPrefix(stamp, strings.TrimSuffix(begins, "}")); err != nil || !found || !strings.HasPrefix(rest, ",") && rest != "}" {
		return &Author{}
	}
	return &author
}

// CanBeAuthor says whether a username can be written down. JSON and CEL write all characters alike but control characters, and
// U+2028 and U+2029, which the policy bailiwick-authors sees to.
func CanBeAuthor(username string) bool { return !hasControl(username) }

// Stamp is the value of the annotation.
func (a *Author) Stamp() (string, error) {
	var written bytes.Buffer
	encoder := json.NewEncoder(&written)
	encoder.SetEscapeHTML(false) // CEL quotes a name without
	if err := encoder.Encode(a); err != nil {
		return "", fmt.Errorf("encoding who wrote an object: %w", err)
	}
	return strings.TrimSuffix(written.String(), "\n"), nil
}

// IsConfirmed says whether somebody who may has confirmed that an object of this name is the one that is meant. A User is
// confirmed as the one who is known by a subject, so that nobody else is under the same name.
func IsConfirmed(object v1alpha1.Object) bool {
	value := object.GetAnnotations()[v1alpha1.AnnotationConfirmed]
	if user, ok := object.(*v1alpha1.User); ok {
		return value == user.Spec.Subject
	}
	return value == "true"
}
