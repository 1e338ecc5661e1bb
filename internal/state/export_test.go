package state

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// Evaluated is how often objects of an organization have been evaluated.
func (s *State) Evaluated(organization string) int64 { return s.reader(organization).evaluated.Load() }

// Compared is how many pairs of privileges have been compared for an organization's writes.
func (s *State) Compared(organization string) int64 { return s.reader(organization).compared.Load() }

// Checked is how many objects have been looked at for others of an organization.
func (s *State) Checked(organization string) int64 { return s.reader(organization).checked.Load() }

// Encoded is how many entries of roles of an organization have been encoded for the store.
func (s *State) Encoded(organization string) int64 { return s.reader(organization).encoded.Load() }

// Merged is how many lists of entries of one permission have been made for the store.
func (s *State) Merged(organization string) int64 { return s.reader(organization).merged.Load() }

// JudgeAgain has all authors of an organization judged, and says whose objects have another outcome by that.
func (s *State) JudgeAgain(organization string) []kinds.Ref {
	change, _ := s.changeTenant(organization, nil, func(e *evaluation) { e.judgesAll = true })
	return change.Outcomes
}

// PutAgain puts an object that is there, as when its time has come.
func (s *State) PutAgain(ref kinds.Ref) {
	s.changeTenant(ref.Organization(), nil, func(e *evaluation) { e.mark(ref) })
}

// Fingerprint is all of an organization that evaluations change, with the places in memory that others compare.
func (s *State) Fingerprint(organization string) string {
	var text strings.Builder
	fingerprint(&text, reflect.ValueOf(s.reader(organization).tenant).Elem())
	return text.String()
}

func fingerprint(text *strings.Builder, v reflect.Value) {
	ours := func(t reflect.Type) bool { return t.PkgPath() == reflect.TypeFor[tenant]().PkgPath() }
	switch {
	case v.Kind() == reflect.Pointer && !v.IsNil() && ours(v.Type().Elem()):
		fmt.Fprintf(text, "%x:", v.Pointer())
		fingerprint(text, v.Elem())
	case v.Kind() == reflect.Struct && ours(v.Type()):
		for n := range v.NumField() {
			switch name := v.Type().Field(n).Name; name {
			case "evaluated", "compared", "checked", "encoded", "merged", "mu", "clock", "deadlines":
			default:
				fmt.Fprintf(text, " %s=", name)
				fingerprint(text, v.Field(n))
			}
		}
	case v.Kind() == reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		for _, key := range keys {
			fmt.Fprintf(text, "\n%v: ", key)
			fingerprint(text, v.MapIndex(key))
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Pointer:
		for n := range v.Len() {
			fingerprint(text, v.Index(n))
		}
	case v.Kind() == reflect.Pointer:
		fmt.Fprintf(text, "%x", v.Pointer())
	default:
		fmt.Fprintf(text, "%+v", v)
	}
}

// Privileges are all that a user holds for good.
func (s *State) Privileges(user types.NamespacedName) []Privilege {
	return slices.Collect(s.reader(user.Namespace).privileges(user))
}
