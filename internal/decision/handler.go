// Package decision answers applications in the words of the OpenID AuthZEN Authorization API 1.0. What it
// takes, and what it makes of it, is in docs/asking.md.
package decision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel/trace"
	"k8s.io/utils/clock"

	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// The paths that are served, beside those of searches.
const (
	pathEvaluation  = "/access/v1/evaluation"
	pathEvaluations = "/access/v1/evaluations"
	pathMetadata    = "/.well-known/authzen-configuration"
)

const (
	maxBodyBytes = 256 << 10
	// timeout bounds a request, however many evaluations it has.
	timeout = 10 * time.Second
)

const headerRequestID = "X-Request-ID"

// Store answers questions: see store.Store.
type Store interface {
	Check(ctx context.Context, question store.Question) (bool, error)
}

// Memory is what this process knows of the cluster, and whether it may answer from that.
type Memory interface {
	// Enter returns what to answer from now about an organization, or about any where its name is empty. An error says why this
	// process may not answer.
	Enter(organization string) (Reading, error)
}

// ErrHistoryUnknown says that this process does not lead, and does not know what holds in an organization. For a moment that is
// as it should be, and it is not counted among the errors.
var ErrHistoryUnknown = errors.New("something in the organization is paused, its deletion is held back, or its author has just been judged, and this replica does not know what holds")

// Reading is what an answer is made from.
type Reading interface {
	State
	// Leave ends it, after the answer is known and before it is given. With an error it must not be given: the process may have
	// stood still meanwhile, while what it knows became out of date.
	Leave() error
}

// State answers questions from memory: see state.State.
type State interface {
	Decide(organization string, q entitlement.Question) entitlement.Answer
	HasType(resourceType string) bool
	Known(organization string, q entitlement.Question) entitlement.Known
	Subjects(organization string, q entitlement.Question, after string, limit int) (subjects []string, more bool, validUntil time.Time)
	Actions(organization string, q entitlement.Question) (permissions []string, validUntil time.Time)
	Groups(organization, subject, permission string) []string
	Where(organization string, q entitlement.Question, resourceType string, ofOthers ...string) entitlement.Where
}

// Options are what decisions need.
type Options struct {
	// URL is under which applications know this decision point, without a slash at its end.
	URL     string
	Callers Callers
	Memory  Memory
	// Store is asked while Memory may not answer.
	Store Store
	// Ready says whether the store holds what it should. While neither it does nor Memory may answer, every question is
	// answered with 503.
	Ready func() bool
	// HasType says whether there are objects of a type, as far as the store knows.
	HasType func(resourceType string) bool
	// Clock is what deadlines are kept by.
	Clock clock.PassiveClock
	Log   logr.Logger
	// Decisions is where every decision is written to; nil is nowhere.
	Decisions *Log
	// Tracer makes a span of each request; nil makes none.
	Tracer trace.Tracer
}

type handler struct {
	Options
	crowd *crowd
}

// New serves decisions over HTTP.
func New(options Options) http.Handler {
	h := handler{Options: options, crowd: &crowd{underWay: map[string]int{}}}
	mux := http.NewServeMux()
	for _, base := range h.bases() {
		// The specification inserts the well-known path before that of the decision point.
		mux.HandleFunc("GET "+pathMetadata+base, h.metadata)
		mux.Handle("POST "+base+pathEvaluation, h.answering(h.evaluation))
		mux.Handle("POST "+base+pathEvaluations, h.answering(h.evaluations))
		mux.Handle("POST "+base+pathSearchSubject, h.answering(h.searchSubject))
		mux.Handle("POST "+base+pathSearchResource, h.answering(h.searchResource))
		mux.Handle("POST "+base+pathSearchAction, h.answering(h.searchAction))
	}
	return h.observed(mux)
}

// bases are the paths under which all is served: none, as behind a proxy that takes the path of the URL away, and that path.
func (h handler) bases() []string {
	bases := []string{""}
	if parsed, err := url.Parse(h.URL); err == nil && parsed.Path != "" {
		bases = append(bases, parsed.EscapedPath())
	}
	return bases
}

// metadata says what is served, and where.
func (h handler) metadata(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "max-age=3600")
	writeJSON(w, map[string]string{
		"policy_decision_point":       h.URL,
		"access_evaluation_endpoint":  h.URL + pathEvaluation,
		"access_evaluations_endpoint": h.URL + pathEvaluations,
		"search_subject_endpoint":     h.URL + pathSearchSubject,
		"search_resource_endpoint":    h.URL + pathSearchResource,
		"search_action_endpoint":      h.URL + pathSearchAction,
	})
}

// failure is why a request is not answered. It is told to whoever asks.
type failure struct {
	code   int
	reason string
}

// Error implements error.
func (f failure) Error() string { return f.reason }

func malformed(err error) failure { return failure{http.StatusBadRequest, err.Error()} }

// request is what has been found out about a request before it is answered.
type request struct {
	id     string
	caller asker
	body   object
}

// answering lets a request through to what answers it, or says why not.
func (h handler) answering(answer func(context.Context, request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		admitted := request{id: r.Header.Get(headerRequestID)}
		answered, err := h.answer(ctx, w, r, &admitted, answer)
		if err != nil {
			h.fail(w, r, admitted, err)
			return
		}
		writeJSON(w, answered)
	})
}

// answer finds out who asks, and what, and answers that.
func (h handler) answer(ctx context.Context, w http.ResponseWriter, r *http.Request, admitted *request, answer func(context.Context, request) (any, error)) (any, error) {
	var err error
	if admitted.caller, err = h.Callers.authenticate(ctx, r.Header.Values("Authorization")); err != nil {
		return nil, err
	}
	if !h.crowd.enter(admitted.caller.name) {
		return nil, failure{http.StatusTooManyRequests, fmt.Sprintf("the caller has %d requests under way, and no more are answered at once: ask again", maxAtOnce)}
	}
	defer h.crowd.leave(admitted.caller.name)
	if admitted.body, err = h.read(w, r); err != nil {
		return nil, err
	}
	return answer(ctx, *admitted)
}

// read reads what is asked.
func (h handler) read(w http.ResponseWriter, r *http.Request) (object, error) {
	if err := h.mayAnswer(); err != nil {
		return nil, err
	}
	media, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if charset, given := parameters["charset"]; err != nil || media != "application/json" || given && !strings.EqualFold(charset, "utf-8") {
		return nil, failure{http.StatusBadRequest, "the header Content-Type is not application/json in UTF-8"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, failure{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes", tooLarge.Limit)}
	}
	if err != nil {
		return nil, failure{http.StatusBadRequest, "the body did not arrive"}
	}
	decoded, err := decode(body)
	if err != nil {
		return nil, malformed(err)
	}
	return decoded, nil
}

// mayAnswer says why no question can be answered, if none can.
func (h handler) mayAnswer() error {
	_, err := h.Memory.Enter("")
	if err == nil || h.Ready() {
		return nil
	}
	return notReady(err)
}

func notReady(reason error) error {
	told := failure{http.StatusServiceUnavailable, fmt.Sprintf("%v: ask again soon", reason)}
	if errors.Is(reason, ErrHistoryUnknown) {
		return errors.Join(told, ErrHistoryUnknown)
	}
	return told
}

// fail tells why there is no answer. What is not the asker's fault is told to the log.
func (h handler) fail(w http.ResponseWriter, r *http.Request, admitted request, err error) {
	told := h.told(r.Context(), admitted, err)
	if errors.Is(err, ErrHistoryUnknown) {
		withheld.Inc()
	}
	h.Decisions.write(r.Context(), admitted, entry{Kind: kindUnanswered, Path: r.URL.Path, Code: told.code, Reason: told.reason})
	switch told.code {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "1")
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="bailiwick"`)
	}
	http.Error(w, told.reason, told.code)
}

// told is what whoever asks is told of an error, the rest of which is for the log.
func (h handler) told(ctx context.Context, r request, err error) failure {
	if told, ok := errors.AsType[failure](err); ok {
		return told
	}
	if ctx.Err() == nil { // Else whoever asked has gone.
		h.Log.Error(err, "a question has no answer", "requestID", r.id)
	}
	if errors.Is(err, store.ErrRefused) {
		return failure{http.StatusInternalServerError, "the store refused the question: the operator's log says why"}
	}
	if errors.Is(err, errNotReviewed) {
		return failure{http.StatusServiceUnavailable, errNotReviewed.Error() + ": ask again"}
	}
	return failure{http.StatusServiceUnavailable, "the store does not answer: ask again"}
}

func writeJSON(w http.ResponseWriter, value any) {
	encoded, err := json.Marshal(value)
	if err != nil {
		panic(err) // All that is written is made of strings and truth values.
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(encoded) // Whoever asked may have gone.
}
