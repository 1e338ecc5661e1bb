// Package scim serves SCIM 2.0 (RFC 7643, RFC 7644) for each organization: a directory creates, changes and
// deletes Users and Groups over HTTP. Each request is carried out with the rights of a ServiceAccount of the
// organization, never with the operator's own, so that admission judges it. What it takes, and what it makes
// of it, is in docs/scim.md.
package scim

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// prefix is what all paths begin with; behind it are an organization and an endpoint.
	prefix = "/scim/v2/"

	maxBodyBytes = 1 << 20
	// maxMembers bounds the members that one request names, since each may take a write.
	maxMembers = 1000
	// maxResults bounds a page.
	maxResults = 500
	// maxInFlight bounds the requests that are worked on at once.
	maxInFlight = 64
	// Timeout bounds a request, however many members it names.
	Timeout = time.Minute
)

// Connect returns a client with the rights of whoever shows these values of the header Authorization to an
// organization. The client reads from the API server itself. Its errors say why there is none.
type Connect func(organization string, authorization []string) (client.Client, error)

// Options are what the server needs.
type Options struct {
	Connect Connect
	Log     logr.Logger
}

type handler struct {
	Options
	inFlight chan struct{}
}

// request is one that has been authenticated, as far as that does not take the API server.
type request struct {
	*http.Request
	session

	id string
}

// session is whose objects a request is about, and with whose rights.
type session struct {
	client       client.Client
	organization string
	// location is the URL of the organization's endpoints.
	location string
}

// answer is what a request is answered with; without a resource there is no body.
type answer struct {
	code     int
	resource *resource
	body     any
}

// New serves SCIM over HTTP.
func New(options Options) http.Handler {
	h := handler{options, make(chan struct{}, maxInFlight)}
	mux := http.NewServeMux()
	for name, kind := range kinds {
		path := prefix + "{organization}/" + name
		mux.Handle("GET "+path, h.answering(kind.query))
		mux.Handle("POST "+path, h.answering(kind.create))
		mux.Handle("GET "+path+"/{id}", h.answering(kind.read))
		mux.Handle("PUT "+path+"/{id}", h.answering(kind.replace))
		mux.Handle("PATCH "+path+"/{id}", h.answering(kind.patch))
		mux.Handle("DELETE "+path+"/{id}", h.answering(kind.remove))
	}
	h.serveDiscovery(mux)
	mux.HandleFunc("/", h.elsewhere)
	return mux
}

// operation carries out a request.
type operation func(ctx context.Context, r *request) (*answer, error)

// answering lets a request through to what carries it out, or says why not.
func (h handler) answering(carryOut operation) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		select {
		case h.inFlight <- struct{}{}:
			defer func() { <-h.inFlight }()
		default:
			h.fail(w, r, busy("too many requests at once: repeat this one"))
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), Timeout)
		defer cancel()
		organization := r.PathValue("organization")
		connected, err := h.Connect(organization, r.Header.Values("Authorization"))
		if err != nil {
			h.fail(w, r, err)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBodyBytes)
		admitted := &request{
			Request: r, id: r.PathValue("id"),
			session: session{client: connected, organization: organization, location: location(r, organization)},
		}
		answered, err := carryOut(ctx, admitted)
		if err != nil {
			h.fail(w, r, err)
			return
		}
		answered.write(w, r)
	})
}

// location is as the sender knows it.
func location(r *http.Request, organization string) string {
	scheme := "http"
	if r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		scheme = "https"
	}
	return scheme + "://" + r.Host + prefix + organization
}

const contentType = "application/scim+json"

func (a *answer) write(w http.ResponseWriter, r *http.Request) {
	body := a.body
	if a.resource != nil {
		w.Header().Set("Location", a.resource.location)
		if a.resource.version != "" {
			w.Header().Set("ETag", a.resource.version)
		}
		if r.Method == http.MethodGet && a.resource.version != "" && names(r.Header.Get("If-None-Match"), a.resource.version) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		body = selectAttributes(r.URL.Query(), a.resource.document())
	}
	writeJSON(w, a.code, body)
}

func writeJSON(w http.ResponseWriter, code int, body any) {
	if body == nil {
		w.WriteHeader(code)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic(http.ErrAbortHandler) // whoever was to take the answer has gone
	}
}

// elsewhere answers what no endpoint is there for.
func (h handler) elsewhere(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, prefix)
	_, endpoint, _ := strings.Cut(strings.TrimSuffix(path, "/"), "/")
	first, _, _ := strings.Cut(endpoint, "/")
	switch {
	case strings.HasPrefix(r.URL.Path, "/scim/v1/"):
		h.fail(w, r, invalid(scimerrors.ScimTypeInvalidVersion, "only version 2 of SCIM is spoken here: use %s", prefix))
	case path == r.URL.Path || path == "":
		h.fail(w, r, fail(http.StatusNotFound, "there is nothing here: the endpoints are below %s<organization>", prefix))
	case endpoint == "":
		h.fail(w, r, invalid(scimerrors.ScimTypeTooMany, "Users and Groups are asked for separately: use /Users or /Groups"))
	case first == "Bulk" || first == "Me" || strings.HasSuffix(endpoint, ".search"):
		h.fail(w, r, fail(http.StatusNotImplemented, "%s is not supported, as ServiceProviderConfig says", first))
	case isEndpoint(first):
		w.Header().Set("Allow", "GET")
		h.fail(w, r, fail(http.StatusMethodNotAllowed, "%s does not take %s", endpoint, r.Method))
	default:
		h.fail(w, r, fail(http.StatusNotFound, "there is no endpoint %s: there are Users, Groups, ServiceProviderConfig, ResourceTypes and Schemas", endpoint))
	}
}
