package engine_test

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// gap grants somebody the same twice, with an hour between the end of the one and the beginning of the other, and
// lets time pass until that hour has come.
func (m *model) gap() {
	who, permission := m.name("u", 3), pick(m.dice, "P1", "P2")
	at := pick(m.dice, v1alpha1.Scope{}, v1alpha1.Scope{Workspace: "w0"}, v1alpha1.Scope{Workspace: "w1"})
	lasts := 1 + m.of(2)
	ends := m.clock.Now().Add(time.Duration(lasts) * time.Hour)
	m.tellf("gap between two grants of %s to %s", permission, who)
	m.grant("t0", who, permission, at, ends.Add(-2*time.Hour), ends)
	m.grant("t1", who, permission, at, ends.Add(time.Hour), ends.Add(2*time.Hour))
	m.converge("two grants with a gap between them")
	if m.Failed() {
		return
	}
	place := state.PathOf("acme", &at)
	may := func() bool {
		r := newReference(m.confirmed, m.clock.Now())
		user, known := oldest(r, called[*v1alpha1.User](who))
		return known && r.may(question{subject: user.Spec.Subject, permission: permission, place: place, attributes: map[string]any{"color": "red", "size": 2.0}})
	}
	before := may()
	m.advance(lasts)
	if before && !may() {
		m.seen.happened["gapped"]++
	}
}

func (m *model) grant(name, user, permission string, at v1alpha1.Scope, from, until time.Time) {
	grant := build.TemporaryPermissionGrant("acme", name).ToUser(user).Grants(permission).Obj()
	grant.Spec.Scope = at
	grant.Spec.StartsAt, grant.Spec.ExpiresAt = &metav1.Time{Time: from}, &metav1.Time{Time: until}
	m.put(aged(m.dice, grant))
}
