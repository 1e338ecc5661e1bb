package decision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

const (
	maxEvaluations = 100
	// atOnce are the evaluations of one request that the store is asked at the same time.
	atOnce = 8
)

// The semantics of several evaluations.
const (
	executeAll          = "execute_all"
	denyOnFirstDeny     = "deny_on_first_deny"
	permitOnFirstPermit = "permit_on_first_permit"
)

// verdict answers one evaluation.
type verdict struct {
	Decision bool           `json:"decision"`
	Context  verdictContext `json:"context"`
	// by are the objects that gave it, for the log.
	by []kinds.Ref
}

type verdictContext struct {
	Error *verdictError `json:"error,omitempty"`
	// Unknown are the parts of the question of which nothing is known, for callers that want to hear of them.
	Unknown []string `json:"unknown,omitempty"`
	// ValidUntil is when the decision may be another one although nothing is edited.
	ValidUntil string `json:"valid_until,omitempty"`
	// ID finds the decision in the log.
	ID string `json:"decision_id"`
}

// verdictError is why an evaluation was not looked into.
type verdictError struct {
	Status  int    `json:"status"`
	Message string `json:"message"`
}

// refused says whether the question was not looked into.
func (v verdict) refused() bool { return v.Context.Error != nil }

func refusal(f failure) verdict {
	return verdict{Context: verdictContext{Error: &verdictError{Status: f.code, Message: f.reason}}}
}

// evaluation answers one question. What is malformed has no answer.
func (h handler) evaluation(ctx context.Context, r request) (any, error) {
	q, err := parseQuestion(r.body, r.caller)
	if err != nil {
		return nil, malformed(err)
	}
	return h.evaluate(ctx, r, q)
}

// evaluations answers several questions, in their order. One that is malformed is answered with false,
// and says why, so that the others have their answers.
func (h handler) evaluations(ctx context.Context, r request) (any, error) {
	items, semantic, err := parseEvaluations(r.body)
	if err != nil {
		return nil, malformed(err)
	}
	if len(items) == 0 {
		return h.evaluation(ctx, r)
	}
	var verdicts []verdict
	if semantic == executeAll {
		verdicts, err = h.all(ctx, r, items)
	} else {
		verdicts, err = h.inOrder(ctx, r, items, semantic == permitOnFirstPermit)
	}
	return map[string][]verdict{"evaluations": verdicts}, err
}

// parseEvaluations reads the list of evaluations, each with what it leaves out taken from the top. The
// error is about the request as a whole.
func parseEvaluations(body object) ([]object, string, error) {
	options, err := optional(body, "options", "options")
	if err != nil {
		return nil, "", err
	}
	semantic := executeAll
	if given := options["evaluations_semantic"]; given != nil {
		var ok bool
		semantic, ok = given.(string)
		if !ok || semantic != executeAll && semantic != denyOnFirstDeny && semantic != permitOnFirstPermit {
			return nil, "", fmt.Errorf("options.evaluations_semantic is none of %s, %s and %s", executeAll, denyOnFirstDeny, permitOnFirstPermit)
		}
	}
	given := body["evaluations"]
	if given == nil {
		return nil, semantic, nil
	}
	list, ok := given.([]any)
	if !ok {
		return nil, "", fmt.Errorf("evaluations is not a list")
	}
	if len(list) > maxEvaluations {
		return nil, "", fmt.Errorf("evaluations has %d entries: the most is %d", len(list), maxEvaluations)
	}
	items := make([]object, len(list))
	for i, value := range list {
		written, ok := value.(object)
		if !ok {
			return nil, "", fmt.Errorf("evaluations[%d] is not an object", i)
		}
		items[i] = object{}
		for _, field := range []string{"subject", "action", "resource", "context"} {
			if value := written[field]; value != nil {
				items[i][field] = value
			} else if value := body[field]; value != nil {
				items[i][field] = value
			}
		}
	}
	return items, semantic, nil
}

// all evaluates everything, some of it at the same time. There is an error where none is answered.
func (h handler) all(ctx context.Context, r request, items []object) ([]verdict, error) {
	verdicts, failed := make([]verdict, len(items)), make([]error, len(items))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, item := range items {
		group.Go(func() error {
			verdicts[i], failed[i] = h.evaluateItem(ctx, r, item)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if !slices.Contains(failed, nil) {
		return nil, failed[0]
	}
	for i, err := range failed {
		if err != nil {
			verdicts[i] = h.unanswered(ctx, r, items[i], err)
		}
	}
	return verdicts, nil
}

// inOrder evaluates one after the other, until the first whose decision is this one. There is an error where none is answered.
func (h handler) inOrder(ctx context.Context, r request, items []object, last bool) ([]verdict, error) {
	var verdicts []verdict
	var failed error
	answered := false
	for _, item := range items {
		v, err := h.evaluateItem(ctx, r, item)
		if err != nil {
			failed = err
			v = h.unanswered(ctx, r, item, err)
		}
		answered = answered || err == nil
		verdicts = append(verdicts, v)
		if v.Decision == last {
			break
		}
	}
	if !answered {
		return nil, failed
	}
	return verdicts, nil
}

func (h handler) evaluateItem(ctx context.Context, r request, item object) (verdict, error) {
	q, err := parseQuestion(item, r.caller)
	if err != nil {
		return h.decided(ctx, r, q, refusal(malformed(err)), 0), nil
	}
	return h.evaluate(ctx, r, q)
}

// unanswered denies one of several questions, so that the others have their answers.
func (h handler) unanswered(ctx context.Context, r request, item object, err error) verdict {
	q, _ := parseQuestion(item, r.caller) // it was read before
	return h.decided(ctx, r, q, refusal(h.told(ctx, r, err)), 0)
}

// evaluate answers one question. An error means that there is no answer, which is never a decision.
func (h handler) evaluate(ctx context.Context, r request, q question) (verdict, error) {
	begin := time.Now()
	v, err := h.verdict(ctx, r.caller, q)
	if err != nil {
		return v, err
	}
	return h.decided(ctx, r, q, v, time.Since(begin)), nil
}

func (h handler) verdict(ctx context.Context, caller asker, q question) (verdict, error) {
	err := caller.admits(ctx, q.place.Organization)
	if told, refused := errors.AsType[failure](err); refused {
		return refusal(told), nil
	}
	if err != nil || !caller.AsksAbout(q.subjectType) {
		return verdict{}, err
	}
	v, err := h.fromMemory(q, caller.ReportsUnknown)
	if err == nil {
		return v, nil
	}
	return h.fromStore(ctx, q, err)
}

// fromMemory answers by what this process knows of the cluster. An error says why it may not.
func (h handler) fromMemory(q question, reportsUnknown bool) (verdict, error) {
	known, err := h.Memory.Enter(q.place.Organization)
	if err != nil {
		return verdict{}, err
	}
	var answer entitlement.Answer
	hasType := knows(known, q)
	if hasType {
		answer = known.Decide(q.place.Organization, q.asked())
	}
	v := verdict{Decision: answer.Allowed, by: answer.By.Through, Context: verdictContext{ValidUntil: timestamp(answer.ValidUntil)}}
	if reportsUnknown && !answer.Allowed {
		v.Context.Unknown = unknown(known.Known(q.place.Organization, q.asked()), q, hasType)
	}
	return v, known.Leave()
}

// unknown are the parts of a question of which nothing is known.
func unknown(known entitlement.Known, q question, hasType bool) (parts []string) {
	for _, part := range []struct {
		name  string
		known bool
	}{
		{"subject.id", known.Subject},
		{"action.name", known.Permission || q.place.group != ""}, // a Group declares what its admins may do
		{"resource.type", hasType},
		{"resource.properties.scope", known.Place || !q.place.isObject()},
		{"resource.id", known.Place || q.place.isObject()}, // only the application knows which objects there are
	} {
		if !part.known {
			parts = append(parts, part.name)
		}
	}
	return parts
}

// fromStore asks the store, for the reason that memory may not answer.
func (h handler) fromStore(ctx context.Context, q question, reason error) (verdict, error) {
	if !h.Ready() {
		return verdict{}, notReady(reason)
	}
	if q.place.isObject() && !h.HasType(q.resourceType) {
		return verdict{}, nil
	}
	allowed, err := h.Store.Check(ctx, store.Question{
		Key:        store.Key{Object: q.place.object(), Relation: store.RelationCan, User: objectid.User(q.subject)},
		Parent:     q.place.parent(),
		Permission: q.permission,
		Attributes: held(q.attributes),
		Time:       h.Clock.Now(),
	})
	return verdict{Decision: allowed}, err
}

// held are attributes as a store takes them, without what meets no condition.
func held(attributes object) object {
	made := make(object, len(attributes))
	for name, value := range attributes {
		if _, ok := value.(inexact); !ok {
			made[name] = plain(value)
		}
	}
	return made
}

// plain is a value without inexact numbers in it, which only lists and objects have: those meet no condition either way.
func plain(value any) any {
	switch value := value.(type) {
	case inexact:
		return nil
	case object:
		return held(value)
	case []any:
		made := make([]any, len(value))
		for i, entry := range value {
			made[i] = plain(entry)
		}
		return made
	default:
		return value
	}
}
