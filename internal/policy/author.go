package policy

import (
	"encoding/json"

	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// Author is who wrote what an object gives or, of what others name, who made it, as admission has stamped it.
type Author struct {
	// Username is what the API server knew them by, and Subject whom that stood for in the organization.
	Username string `json:"username"`
	Subject  string `json:"subject,omitempty"`
	// Verb is set where they need not hold what they give.
	Verb string `json:"verb,omitempty"`
	// Generation is the first one that gives what the object gives.
	Generation int64 `json:"generation,omitempty"`
	// User, Group and Invitation are those of the names in the spec that admission found.
	User       *MeantUser `json:"user,omitempty"`
	Group      types.UID  `json:"group,omitempty"`
	Invitation types.UID  `json:"invitation,omitempty"`
}

// MeantUser is the User that an author meant, and whom it stood for.
type MeantUser struct {
	UID     types.UID `json:"uid"`
	Subject string    `json:"subject"`
}

// AuthorOf is who an object says has written it; nil where nobody has stamped it.
func AuthorOf(annotations map[string]string) *Author {
	var author Author
	if json.Unmarshal([]byte(annotations[v1alpha1.AnnotationAuthor]), &author) != nil || author.Username == "" {
		return nil
	}
	return &author
}

// Stamp is the value of the annotation.
func (a *Author) Stamp() (string, error) {
	written, err := json.Marshal(a)
	return string(written), err
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
