package ui

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/query"
)

// decideTimeout is how long deciding may take.
const decideTimeout = 10 * time.Second

// requestRow is an AccessRequest.
type requestRow struct {
	query.Request
	URL, AtURL string
	Role       link
	User       link
	Asked      instant
	DecideBy   *instant
	Ends       *instant
	Decisions  []decisionRow
}

// decisionRow is what somebody has decided.
type decisionRow struct {
	v1alpha1.AccessDecisionOutcome
	At instant
}

func (r requestRow) text() string {
	return strings.Join([]string{r.Name, r.Spec.Requester, r.Status.User, r.Role.Name, r.Permission, r.At, r.Spec.Justification, strings.Join(r.Tags, " "), string(r.Status.Phase)}, " ")
}

func (s *site) requestRow(request query.Request) requestRow {
	row := requestRow{
		Request: request, URL: s.url("requests", request.Name), AtURL: s.placeURL(request.At), Asked: s.instant(request.CreationTimestamp.Time),
		User: s.link(query.Object{Kind: "User", Name: request.Status.User}), Role: s.link(query.Object{Kind: "Role", Name: request.Role}),
	}
	if by := request.Status.DecideBy; by != nil {
		at := s.instant(by.Time)
		row.DecideBy = &at
	}
	if ends := request.Status.ExpiresAt; ends != nil {
		at := s.instant(ends.Time)
		row.Ends = &at
	}
	for _, decision := range request.Status.Decisions {
		row.Decisions = append(row.Decisions, decisionRow{decision, s.instant(decision.DecidedAt.Time)})
	}
	return row
}

// requests are those that wait to be decided, and what became of the others.
func (s *site) requests(w *query.World, r *http.Request) page {
	type body struct {
		All     list[requestRow]
		Waiting int
	}
	var b body
	var rows []requestRow
	for _, request := range w.Requests() {
		rows = append(rows, s.requestRow(request))
		if request.Waits() {
			b.Waiting++
		}
	}
	b.All = listOf(r, "requests", rows, requestRow.text)
	return page{Template: "requests", Title: "Requests", Body: b}
}

// request is one of them, to be approved or denied.
func (s *site) request(w *query.World, r *http.Request) page {
	request, there := w.Request(r.PathValue("name"))
	if !there {
		return s.noSuch("AccessRequest", r.PathValue("name"))
	}
	return page{Template: "request", Title: "Request " + request.Name, Body: requestBody{requestRow: s.requestRow(request)}}
}

// requestBody is a request, what somebody was about to say to it, and why that was refused.
type requestBody struct {
	requestRow
	Comment, Refused string
}

// decide makes a decision about a request, in the name and with the rights of the reader.
func (s *site) decide(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	var request query.Request
	var there bool
	s.mirror.view(func(world *query.World, _ reading) { request, there = world.Request(r.PathValue("name")) })
	comment := r.PostFormValue("comment")
	if there && string(request.UID) == r.PostFormValue("uid") {
		err := s.create(r.Context(), request.Decision(v1alpha1.AccessVerdict(r.PostFormValue("verdict")), comment))
		if err == nil {
			http.Redirect(w, r, s.url("requests", request.Name), http.StatusSeeOther)
			return
		}
		s.show(w, r, func(world *query.World, r *http.Request) page {
			p := s.request(world, r)
			if body, is := p.Body.(requestBody); is {
				body.Comment, body.Refused = comment, err.Error()
				p.Body, p.Status = body, http.StatusUnprocessableEntity
			}
			return p
		})
		return
	}
	s.show(w, r, s.request) // it is another one than was looked at, or gone: the page shows it as it is
}

// create creates a decision in the name of the reader.
func (s *site) create(ctx context.Context, decision *v1alpha1.AccessDecision) error {
	ctx, cancel := context.WithTimeout(ctx, decideTimeout)
	defer cancel()
	self := &authenticationv1.SelfSubjectReview{}
	if err := s.mirror.client.Create(ctx, self); err != nil {
		return fmt.Errorf("asking who you are: %w", err)
	}
	decision.Spec.Decider = self.Status.UserInfo.Username
	err := s.mirror.client.Create(ctx, decision)
	if apierrors.IsForbidden(err) {
		return fmt.Errorf("you may not decide: %w", err)
	}
	return err
}
