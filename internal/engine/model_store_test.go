package engine_test

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// decider answers from tuples as docs/store.md says, and as OpenFGA does, which a test shows. It takes
// microseconds where OpenFGA takes milliseconds.
type decider struct {
	about map[string][]store.Tuple // by object
	now   time.Time
}

func newDecider(tuples map[store.Key]*structpb.Struct, now time.Time) *decider {
	d := &decider{about: map[string][]store.Tuple{}, now: now}
	for key, context := range tuples {
		d.about[key.Object] = append(d.about[key.Object], store.Tuple{Key: key, Context: context})
	}
	return d
}

// asked is a question as the store is asked it.
func asked(q question, now time.Time) store.Question {
	asked := store.Question{
		Key:        store.Key{Relation: store.RelationCan, User: objectid.User(q.subject)},
		Permission: q.permission, Attributes: q.attributes, Time: now,
	}
	if q.group != "" {
		asked.Object = objectid.Group("acme", q.group)
		return asked
	}
	asked.Object = objectid.Scope(q.place)
	if q.place.ResourceID != "" {
		asked.Parent, _ = objectid.Parent(asked.Object)
	}
	return asked
}

func (d *decider) may(q question) bool {
	question := asked(q, d.now)
	return d.can(question.Object, question) || question.Parent != "" && d.can(question.Parent, question)
}

func (d *decider) can(object string, q store.Question) bool {
	for _, tuple := range d.about[object] {
		var may bool
		switch tuple.Relation {
		case store.RelationParent:
			may = d.can(tuple.User, q)
		case store.RelationRole:
			binding, slot, _ := strings.Cut(tuple.User, "#")
			may = strings.HasPrefix(slot, "slot_") && d.has(binding, store.RelationAssignee, q.User) && d.holds(tuple.Context, q)
		case store.RelationGrantA, store.RelationGrantB:
			may = d.is(tuple.User, q.User) && d.holds(tuple.Context, q)
		}
		if may {
			return true
		}
	}
	return false
}

// has says whether a user has a relation now, by the tuples of the relation or of the second one that says the same.
func (d *decider) has(object, relation, user string) bool {
	for _, tuple := range d.about[object] {
		if (tuple.Relation == relation || tuple.Relation == relation+"_b") && d.during(tuple.Context) && d.is(tuple.User, user) {
			return true
		}
	}
	return false
}

// during says whether now is in one of a tuple's windows, as it always is where it has no condition.
func (d *decider) during(context *structpb.Struct) bool {
	if context == nil {
		return true
	}
	windows, _ := context.AsMap()["windows"].([]any)
	return slices.ContainsFunc(windows, func(window any) bool {
		bounds := window.(map[string]any)
		return !d.now.Before(instantOf(bounds["from"])) && d.now.Before(instantOf(bounds["until"]))
	})
}

// is says whether a user is meant: by name, or as a member of a group.
func (d *decider) is(meant, user string) bool {
	group, isGroup := strings.CutSuffix(meant, "#"+store.RelationMember)
	return meant == user || isGroup && d.has(group, store.RelationMember, user)
}

// holds tests a tuple's condition.
func (d *decider) holds(context *structpb.Struct, q store.Question) bool {
	if context == nil {
		return false
	}
	said := context.AsMap()
	permissions, _ := said["permissions"].(map[string]any)
	if _, always := permissions[q.Permission]; always {
		return true
	}
	byPermission, _ := said["rules"].(map[string]any)
	rules, _ := byPermission[q.Permission].([]any)
	for _, rule := range rules {
		if d.meets(rule.(map[string]any), q) {
			return true
		}
	}
	return false
}

func (d *decider) meets(rule map[string]any, q store.Question) bool {
	from, until := instantOf(rule["from"]), instantOf(rule["until"])
	if d.now.Before(from) || !d.now.Before(until) {
		return false
	}
	for attribute, values := range rule["values"].(map[string]any) {
		if !slices.Contains(values.([]any), q.Attributes[attribute]) {
			return false
		}
	}
	for _, each := range rule["tests"].([]any) {
		test := each.(map[string]any)
		given := q.Attributes[test["a"].(string)]
		if reflect.TypeOf(given) != reflect.TypeOf(test["of"]) {
			return false
		}
		if not, excludes := test["not"].([]any); excludes {
			if slices.Contains(not, given) {
				return false
			}
		} else if number := given.(float64); number < test["min"].(float64) || number > test["max"].(float64) {
			return false
		}
	}
	return true
}

func instantOf(written any) time.Time {
	instant, err := time.Parse(time.RFC3339, written.(string))
	if err != nil {
		panic(err)
	}
	return instant
}
