// Package access has the rules of asking for access: what a policy offers to whom, whose decisions count, and where in its
// life a request is. It is pure: it knows no clients, no stores, and no clock.
package access

import "github.com/bailiwick-dev/bailiwick/internal/policy"

// Person is somebody as the API server and an organization know them.
type Person struct {
	// Username is their name in the API server, and Subject what it stands for in the organization; empty for nothing.
	Username, Subject string
	// User is the name of the User in force that has the subject, empty where there is none, and Email its address.
	User, Email string
}

// MayBe says whether two may be one person: they have a name, a subject or an email address in common, whatever the case
// of ASCII letters.
func (p Person) MayBe(other Person) bool {
	if p.User != "" && p.User == other.User {
		return true
	}
	for _, name := range p.names() {
		for _, others := range other.names() {
			if name != "" && policy.SameAddress(name, others) {
				return true
			}
		}
	}
	return false
}

func (p Person) names() [3]string { return [...]string{p.Username, p.Subject, p.Email} }
