package decision

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
)

// The paths of searches.
const (
	pathSearchSubject  = "/access/v1/search/subject"
	pathSearchResource = "/access/v1/search/resource"
	pathSearchAction   = "/access/v1/search/action"
)

const (
	// maxResults of one page.
	maxResults = 1000
	// maxTerms of a residual keep what is made of it, as a WHERE clause, cheap.
	maxTerms = 1000
)

// found answers a search.
type found struct {
	Results []result     `json:"results"`
	Page    resultPage   `json:"page"`
	Context foundContext `json:"context"`
}

// result is a subject, a resource or an action.
type result struct {
	Type       string         `json:"type,omitempty"`
	ID         string         `json:"id,omitempty"`
	Name       string         `json:"name,omitempty"`
	Properties map[string]any `json:"properties,omitempty"`
}

type resultPage struct {
	NextToken string `json:"next_token"`
	Count     int    `json:"count"`
}

type foundContext struct {
	Error    *verdictError `json:"error,omitempty"`
	Residual []term        `json:"residual,omitempty"`
	// Scopes are those in which an object of the residual can lie: nobody has anything in one that is not declared.
	Scopes     []map[string]any `json:"scopes,omitempty"`
	ValidUntil string           `json:"valid_until,omitempty"`
	// ID finds the search in the log.
	ID string `json:"decision_id"`
}

// term is all objects of the type in a scope and below it, or the one with the id that lies in the scope itself, that meet the
// conditions.
type term struct {
	Scope      map[string]any `json:"scope"`
	ID         string         `json:"id,omitempty"`
	Conditions []condition    `json:"conditions"`
	ValidUntil string         `json:"valid_until,omitempty"`
}

// condition is what an attribute of the object has to be.
type condition struct {
	Attribute string `json:"attribute"`
	Type      string `json:"type"`
	Operator  string `json:"operator"`
	Values    []any  `json:"values"`
}

// search is what a search asks.
type search struct {
	question
	after string
	limit int
	token pageToken
}

// pageToken is where a page begins. It is of one question: of another it can't be read.
type pageToken struct {
	Question []byte `json:"q"`
	Limit    int    `json:"l"`
	After    string `json:"a"`
}

// searchSubject finds who may do something.
func (h handler) searchSubject(ctx context.Context, r request) (any, error) {
	var s search
	var err error
	s.subjectType, err = entityType(r.body, "subject")
	if err != nil {
		return nil, malformed(err)
	}
	// Whoever is looked for has no id, and the specification has one ignored.
	if err := s.parse(pathSearchSubject, r, "action", "resource"); err != nil {
		return nil, malformed(err)
	}
	return h.answerSearch(ctx, r, s, func(known State) (found, error) {
		if !r.caller.AsksAbout(s.subjectType) || !knows(known, s.question) {
			return s.page(nil)
		}
		subjects, more, until := known.Subjects(s.place.Organization, s.asked(), s.after, s.limit)
		answer := found{Context: validUntil(until)}
		for _, subject := range subjects {
			answer.Results = append(answer.Results, result{Type: s.subjectType, ID: subject})
		}
		last := s.after
		if len(subjects) > 0 {
			last = subjects[len(subjects)-1]
		}
		return s.paged(answer, last, more)
	})
}

// searchAction finds what somebody may do with something.
func (h handler) searchAction(ctx context.Context, r request) (any, error) {
	var s search
	if err := s.parse(pathSearchAction, r, "subject", "resource"); err != nil {
		return nil, malformed(err)
	}
	return h.answerSearch(ctx, r, s, func(known State) (found, error) {
		if !r.caller.AsksAbout(s.subjectType) || !knows(known, s.question) {
			return s.page(nil)
		}
		permissions, until := known.Actions(s.place.Organization, s.asked())
		results := make([]result, len(permissions))
		for n, permission := range permissions {
			results[n] = result{Name: permission}
		}
		answer, err := s.page(results)
		answer.Context = validUntil(until)
		return answer, err
	})
}

// searchResource finds where somebody may do something.
func (h handler) searchResource(ctx context.Context, r request) (any, error) {
	var s search
	if err := s.parse(pathSearchResource, r, "subject", "action"); err != nil {
		return nil, malformed(err)
	}
	return h.answerSearch(ctx, r, s, func(known State) (found, error) {
		_, isPath := pathExamples[s.resourceType]
		switch {
		case !r.caller.AsksAbout(s.subjectType), !isPath && !known.HasType(s.resourceType):
			return s.page(nil)
		case s.resourceType == typeGroup:
			var results []result
			for _, name := range known.Groups(s.place.Organization, s.subject, s.permission) {
				results = append(results, result{Type: typeGroup, ID: s.place.Organization + "/" + name})
			}
			return s.page(results)
		case isPath:
			where := known.Where(s.place.Organization, s.asked(), "")
			answer, err := s.page(scopesOf(where.Scopes, s.resourceType))
			answer.Context = validUntil(where.ValidUntil)
			return answer, err
		}
		return s.objects(known.Where(s.place.Organization, s.asked(), s.resourceType, prefixSubject, prefixAction))
	})
}

// objects answers with the objects whose names are known, and says what else is allowed.
func (s *search) objects(where entitlement.Where) (found, error) {
	results := make([]result, len(where.Objects))
	for n, at := range where.Objects {
		results[n] = result{Type: at.ResourceType, ID: at.ResourceID, Properties: map[string]any{propertyScope: writtenScope(at)}}
	}
	answer, err := s.page(results)
	if err != nil {
		return answer, err
	}
	context := validUntil(where.ValidUntil)
	for _, allowed := range where.Residual {
		if allowed.At.ResourceType != "" && len(allowed.Conditions) == 0 {
			continue // it is among the results
		}
		written := term{Scope: writtenScope(allowed.At), ID: allowed.At.ResourceID, Conditions: []condition{}, ValidUntil: timestamp(allowed.ValidUntil)}
		for _, test := range allowed.Conditions {
			values := make([]any, len(test.Values))
			for n, value := range test.Values {
				values[n] = value.Any()
			}
			written.Conditions = append(written.Conditions, condition{test.Attribute, string(test.Type), string(test.Operator), values})
		}
		context.Residual = append(context.Residual, written)
	}
	if len(context.Residual) > maxTerms {
		return found{}, failure{http.StatusBadRequest, fmt.Sprintf("what is allowed has %d parts, and the most is %d: narrow resource.properties.scope", len(context.Residual), maxTerms)}
	}
	for _, path := range where.Declared {
		if len(context.Residual) > 0 {
			context.Scopes = append(context.Scopes, writtenScope(path))
		}
	}
	answer.Context = context
	return answer, nil
}

// scopesOf are the scopes of one type, as results.
func scopesOf(paths []scope.Path, resourceType string) (results []result) {
	level := map[string]scope.Level{typeOrganization: scope.Organization, typeWorkspace: scope.Workspace, typeProject: scope.Project}[resourceType]
	for _, path := range paths {
		if path.Level() == level {
			results = append(results, result{Type: resourceType, ID: strings.Join(path.Segments(), "/")})
		}
	}
	return results
}

// writtenScope is where something lies, as properties.scope has it.
func writtenScope(at scope.Path) map[string]any {
	written := map[string]any{typeOrganization: at.Organization}
	if at.Workspace != "" {
		written[typeWorkspace] = at.Workspace
	}
	if at.Project != "" {
		written[typeProject] = at.Project
	}
	return written
}

// knows says whether there may be a resource of the type of the question.
func knows(known State, q question) bool { return !q.place.isObject() || known.HasType(q.resourceType) }

func validUntil(instant time.Time) foundContext { return foundContext{ValidUntil: timestamp(instant)} }

// timestamp is an instant for whoever asks, empty where there is none.
func timestamp(instant time.Time) string {
	if instant.IsZero() {
		return ""
	}
	return instant.UTC().Format(time.RFC3339Nano)
}

// answerSearch answers from memory: no store can list completely.
func (h handler) answerSearch(ctx context.Context, r request, s search, answer func(State) (found, error)) (any, error) {
	err := r.caller.admits(ctx, s.place.Organization)
	if told, refused := errors.AsType[failure](err); refused {
		return h.searched(ctx, r, s, found{Results: []result{}, Context: foundContext{Error: refusal(told).Context.Error}}), nil
	}
	if err != nil {
		return nil, err
	}
	known, err := h.Memory.Enter(s.place.Organization)
	if err != nil {
		return nil, notReady(err)
	}
	answered, err := answer(known)
	if late := known.Leave(); late != nil {
		return nil, notReady(late)
	}
	if err != nil {
		return nil, err
	}
	return h.searched(ctx, r, s, answered), nil
}

// searched gives the answer to a search its id, and writes it to the log of decisions.
func (h handler) searched(ctx context.Context, r request, s search, answer found) found {
	answer.Context.ID = newID()
	if h.Decisions == nil {
		return answer
	}
	line := entryOf(kindSearch, answer.Context.ID, s.question)
	line.At, line.Results, line.ValidUntil = shortened(s.place.String()), answer.Page.Count, answer.Context.ValidUntil
	if refused := answer.Context.Error; refused != nil {
		line.Result, line.Code, line.Reason = resultRefused, refused.Status, refused.Message
	}
	h.Decisions.write(ctx, r, line)
	return answer
}

// parse reads what a search has to say whole, and where its page begins.
func (s *search) parse(path string, r request, needed ...string) error {
	var ofSubject, ofAction, ofResource object
	var err error
	if slices.Contains(needed, "subject") {
		ofSubject, err = s.parseSubject(r.body)
	} else {
		ofSubject, err = propertiesOfSought(r.body, "subject")
	}
	if err != nil {
		return err
	}
	if slices.Contains(needed, "action") {
		if ofAction, err = s.parseAction(r.body); err != nil {
			return err
		}
	}
	if slices.Contains(needed, "resource") {
		ofResource, err = s.parseResource(r.body, r.caller.DefaultScope)
	} else {
		ofResource, err = s.parseSought(r.body, r.caller)
	}
	if err != nil {
		return err
	}
	environment, err := optional(r.body, "context", "context")
	if err != nil {
		return err
	}
	if s.attributes, err = attributes(ofSubject, ofAction, ofResource, environment); err != nil {
		return err
	}
	return s.parsePage(path, r)
}

// entityType reads the type of what is looked for.
func entityType(body object, name string) (string, error) {
	made, err := entity(body, name)
	if err != nil {
		return "", err
	}
	return text(made, name, "type")
}

func propertiesOfSought(body object, name string) (object, error) {
	made, err := entity(body, name)
	if err != nil {
		return nil, err
	}
	return propertiesOf(made, name)
}

// parseSought reads which resources are looked for, and where.
func (s *search) parseSought(body object, caller asker) (given object, err error) {
	if s.resourceType, err = entityType(body, "resource"); err != nil {
		return nil, err
	}
	if given, err = propertiesOfSought(body, "resource"); err != nil {
		return nil, err
	}
	s.place.Path = caller.DefaultScope
	if where := given[propertyScope]; where != nil {
		s.place.Path, err = parseScope(where)
		return given, err
	}
	if s.place.Organization == "" {
		return nil, errors.New(`resource.properties.scope is missing: say where to look, as in {"organization": "acme"}`)
	}
	return given, nil
}

// parsePage reads where the page begins and how long it is. A token says both, for the question that it came with.
func (s *search) parsePage(path string, r request) error {
	page, err := optional(r.body, "page", "page")
	if err != nil {
		return err
	}
	asked := make(object, len(r.body))
	for name, value := range r.body {
		if name != "page" {
			asked[name] = value
		}
	}
	encoded, err := json.Marshal([]any{path, r.caller.name, asked}) // with sorted keys
	if err != nil {
		return fmt.Errorf("reading the search: %w", err)
	}
	sum := sha256.Sum256(encoded)
	s.token = pageToken{Question: sum[:16], Limit: maxResults}
	limit, hasLimit := page["limit"].(float64)
	if page["limit"] != nil && (!hasLimit || limit < 0 || limit != math.Trunc(limit)) {
		return errors.New("page.limit is not a number of results")
	}
	if hasLimit {
		s.token.Limit = int(min(limit, maxResults))
	}
	if page["token"] != nil {
		token, ok := page["token"].(string)
		if !ok {
			return errors.New("page.token is not a text")
		}
		given, err := readToken(token)
		switch {
		case err != nil:
			return errors.New("page.token can't be read: send next_token of the page before, as it came")
		case string(given.Question) != string(s.token.Question), hasLimit && given.Limit != s.token.Limit:
			return errors.New("page.token is of another search: send the same with it, but for the token")
		}
		s.token = given
	}
	s.after, s.limit = s.token.After, s.token.Limit
	return nil
}

func readToken(token string) (given pageToken, err error) {
	decoded, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(decoded, &given)
	}
	if err == nil && (given.Limit < 0 || given.Limit > maxResults) {
		err = errors.New("the limit is none")
	}
	return given, err
}

// page cuts a page out of all results, which it puts in order.
func (s *search) page(all []result) (found, error) {
	keys := make([]string, len(all))
	for n, one := range all {
		keys[n] = one.key()
	}
	sort.Sort(byKey{keys, all})
	next, there := slices.BinarySearch(keys, s.after)
	if there && s.after != "" {
		next++
	}
	end := min(next+s.limit, len(all))
	last := s.after
	if end > next {
		last = keys[end-1]
	}
	return s.paged(found{Results: all[next:end]}, last, end < len(all))
}

// paged says how many results there are, and where to go on.
func (s *search) paged(answer found, last string, more bool) (found, error) {
	if answer.Results == nil {
		answer.Results = []result{}
	}
	answer.Page.Count = len(answer.Results)
	if !more {
		return answer, nil
	}
	s.token.After = last
	encoded, err := json.Marshal(s.token)
	if err != nil {
		return found{}, fmt.Errorf("writing the page's token: %w", err)
	}
	answer.Page.NextToken = base64.RawURLEncoding.EncodeToString(encoded)
	return answer, nil
}

// key orders results, and tells each from all others.
func (r result) key() string {
	where, _ := r.Properties[propertyScope].(map[string]any)
	parts := []string{r.Name}
	for _, level := range []string{typeOrganization, typeWorkspace, typeProject} {
		name, _ := where[level].(string)
		parts = append(parts, name)
	}
	return strings.Join(append(parts, r.ID), "\x00")
}

type byKey struct {
	keys    []string
	results []result
}

func (b byKey) Len() int           { return len(b.keys) }
func (b byKey) Less(i, j int) bool { return b.keys[i] < b.keys[j] }
func (b byKey) Swap(i, j int) {
	b.keys[i], b.keys[j] = b.keys[j], b.keys[i]
	b.results[i], b.results[j] = b.results[j], b.results[i]
}

// asked is the question for memory.
func (q *question) asked() entitlement.Question {
	return entitlement.Question{
		Subject: q.subject, Permission: q.permission, At: q.place.Path, Group: q.place.group, Attributes: q.attributes,
	}
}
