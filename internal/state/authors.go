package state

import (
	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

// authored is what is known of who wrote what an object gives. Admission judges by what a replica has seen, and somebody may
// be faster: so the leader judges once more, when the object first takes effect. What is found then holds
// from then on, whatever the author loses later.
type authored struct {
	// by is nil where there is nobody to judge, as for what the operator makes of an approved AccessRequest.
	by *policy.Author
	// before is what it gave until now, which its author need not hold; nil for nothing. namedBefore are the names of then.
	before      v1alpha1.Object
	namedBefore set[types.UID]
	// judged means that it has been looked at whether the author could give this. passed means that they could, and names are
	// those of the objects that it names whose makers could.
	judged, passed bool
	names          set[types.UID]
	// refused means that the status says that this gives nothing for that reason, and reported that it says anything at all:
	// what has never been said to give something was never waited for.
	refused, reported bool
	// missing is what the author, or the maker of a name, lacks, and said what was said of that last.
	missing, said string
	// uid says which object of the name this is about.
	uid types.UID
}

// confirms notes that the maker of a name could give this.
func (a *authored) confirms(uid types.UID) {
	if a.names == nil {
		a.names = set[types.UID]{}
	}
	a.names.add(uid)
}

// authorKey is all that is kept of an author.
type authorKey struct {
	policy.Author // without what it points to

	user policy.MeantUser
}

// unauthored are the objects that give nothing because of who wrote them, or who made what they name. Anybody may write
// thousands, so a change has only those judged again that depend on what it touches.
type unauthored struct {
	// objects are all of them, with what was found last to depend on.
	objects map[kinds.Ref][]dependency
	by      index[dependency, kinds.Ref]
}

// dependency is what the judgement of an object depends on beside the object, its Organization and the catalogue: what is held by
// those who are known by a subject, or what a role gives.
type dependency struct{ subject, role string }

func newUnauthored() unauthored {
	return unauthored{objects: map[kinds.Ref][]dependency{}, by: index[dependency, kinds.Ref]{}}
}

func (u *unauthored) has(ref kinds.Ref) bool {
	_, there := u.objects[ref]
	return there
}

func (u *unauthored) add(ref kinds.Ref) {
	if !u.has(ref) {
		u.objects[ref] = nil
	}
}

func (u *unauthored) remove(ref kinds.Ref) {
	u.dependOn(ref, nil)
	delete(u.objects, ref)
}

// dependOn replaces what an object depends on.
func (u *unauthored) dependOn(ref kinds.Ref, on []dependency) {
	for _, before := range u.objects[ref] {
		u.by.remove(before, ref)
	}
	u.objects[ref] = on
	for _, now := range on {
		u.by.add(now, ref)
	}
}
