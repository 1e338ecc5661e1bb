package decision

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bailiwick-dev/bailiwick/internal/apikeys"
	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
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
	Decision bool            `json:"decision"`
	Context  *verdictContext `json:"context,omitempty"`
}

type verdictContext struct {
	Error verdictError `json:"error"`
}

// verdictError is why an evaluation was not looked into.
type verdictError struct {
	Status  int    `json:"status"`
	Message string `json:"message"`
}

func refusal(f failure) verdict {
	return verdict{Context: &verdictContext{Error: verdictError{Status: f.code, Message: f.reason}}}
}

// evaluation answers one question. What is malformed has no answer.
func (h handler) evaluation(ctx context.Context, r request) (any, error) {
	q, err := parseQuestion(r.body)
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
	if given, there := options["evaluations_semantic"]; there {
		var ok bool
		semantic, ok = given.(string)
		if !ok || semantic != executeAll && semantic != denyOnFirstDeny && semantic != permitOnFirstPermit {
			return nil, "", fmt.Errorf("options.evaluations_semantic is none of %s, %s and %s", executeAll, denyOnFirstDeny, permitOnFirstPermit)
		}
	}
	given, there := body["evaluations"]
	if !there {
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
			if value, there := written[field]; there {
				items[i][field] = value
			} else if value, there := body[field]; there {
				items[i][field] = value
			}
		}
	}
	return items, semantic, nil
}

// all evaluates everything, some of it at the same time.
func (h handler) all(ctx context.Context, r request, items []object) ([]verdict, error) {
	verdicts := make([]verdict, len(items))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, item := range items {
		group.Go(func() (err error) {
			verdicts[i], err = h.evaluateItem(ctx, r, item)
			return err
		})
	}
	return verdicts, group.Wait()
}

// inOrder evaluates one after the other, until the first whose decision is this one.
func (h handler) inOrder(ctx context.Context, r request, items []object, last bool) ([]verdict, error) {
	var verdicts []verdict
	for _, item := range items {
		v, err := h.evaluateItem(ctx, r, item)
		if err != nil {
			return nil, err
		}
		verdicts = append(verdicts, v)
		if v.Decision == last {
			break
		}
	}
	return verdicts, nil
}

func (h handler) evaluateItem(ctx context.Context, r request, item object) (verdict, error) {
	q, err := parseQuestion(item)
	if err != nil {
		v := refusal(malformed(err))
		h.decided(r, q, v, 0)
		return v, nil
	}
	return h.evaluate(ctx, r, q)
}

// evaluate answers one question. An error means that there is no answer, which is never a decision.
func (h handler) evaluate(ctx context.Context, r request, q question) (verdict, error) {
	begin := time.Now()
	v, err := h.verdict(ctx, r.caller, q)
	if err == nil {
		h.decided(r, q, v, time.Since(begin))
	}
	return v, err
}

func (h handler) verdict(ctx context.Context, caller apikeys.Caller, q question) (verdict, error) {
	switch {
	case !caller.MayAskAbout(q.place.Organization):
		// The same for organizations that there are and that there are not.
		return refusal(failure{http.StatusForbidden, fmt.Sprintf("this key is not for the organization %.128q", q.place.Organization)}), nil
	case q.subjectType != subjectUser:
		return verdict{}, nil
	}
	answer, err := h.fromMemory(q)
	if err == nil {
		return verdict{Decision: answer.Allowed}, nil
	}
	return h.fromStore(ctx, q, err)
}

// fromMemory answers by what this process knows of the cluster. An error says why it may not.
func (h handler) fromMemory(q question) (entitlement.Answer, error) {
	known, err := h.Memory.Enter()
	if err != nil {
		return entitlement.Answer{}, err
	}
	var answer entitlement.Answer
	if !q.place.isObject() || known.HasType(q.resourceType) {
		answer = known.Decide(q.place.Organization, entitlement.Question{
			Subject: q.subject, Permission: q.permission, At: q.place.Path, Group: q.place.group, Attributes: q.attributes,
		})
	}
	return answer, h.Memory.Leave()
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
		Attributes: q.attributes,
		Time:       h.Clock.Now(),
	})
	return verdict{Decision: allowed}, err
}
