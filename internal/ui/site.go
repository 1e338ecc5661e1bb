package ui

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/utils/clock"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/query"
)

//go:embed static templates
var files embed.FS

// templates are those of each page, with the layout.
var templates = parse()

func parse() map[string]*template.Template {
	layout := template.Must(template.ParseFS(files, "templates/layout.html", "templates/parts.html"))
	parsed := map[string]*template.Template{}
	for _, name := range []string{"places", "place", "people", "person", "group", "roles", "role", "ask", "ends", "requests", "request", "problems", "missing"} {
		parsed[name] = template.Must(template.Must(layout.Clone()).ParseFS(files, "templates/"+name+".html"))
	}
	return parsed
}

// site has the pages of one organization.
type site struct {
	mirror       *mirror
	organization string
	clock        clock.PassiveClock
}

// routes are all that is served. Whatever is not among them is outside.
func (s *site) routes() http.Handler {
	mux := http.NewServeMux()
	static, err := fs.Sub(files, "static")
	if err != nil {
		panic(err) // it is embedded
	}
	for _, name := range []string{"style.css", "page.js", "icon.svg"} {
		mux.HandleFunc("GET /static/"+name, func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, static, name) })
	}
	mux.HandleFunc("GET /events", s.events)
	mux.Handle("GET /{$}", http.RedirectHandler(s.url(), http.StatusSeeOther))
	for pattern, show := range map[string]shower{
		"":                 s.places,
		"/place":           s.place,
		"/people":          s.people,
		"/people/{name}":   s.person,
		"/groups/{name}":   s.group,
		"/roles":           s.roles,
		"/roles/{name}":    s.role,
		"/ask":             s.ask,
		"/ends":            s.ends,
		"/requests":        s.requests,
		"/requests/{name}": s.request,
		"/problems":        s.problems,
	} {
		mux.HandleFunc("GET "+s.url()+pattern, func(w http.ResponseWriter, r *http.Request) { s.show(w, r, show) })
	}
	mux.HandleFunc("POST "+s.url("requests", "{name}"), s.decide)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, "There is no such page.") })
	return mux
}

// shower makes a page of what is known now. What it keeps of the world must not change with it.
type shower func(*query.World, *http.Request) page

// page is what is shown.
type page struct {
	// Template is the name of its template, Title its heading, Body what is particular to it.
	Template, Title string
	Body            any
	// Status is that of HTTP; 0 is 200.
	Status int

	// These are the same for all.
	Organization string
	Navigation   []entry
	Now          instant
	Since        instant
	reading
	// Behind are the objects of which the operator has not confirmed what they say.
	Behind []query.Object
}

// entry is one of the navigation.
type entry struct {
	Text, URL string
	Current   bool
}

// show answers with a page.
func (s *site) show(w http.ResponseWriter, r *http.Request, show shower) {
	var p page
	s.mirror.view(func(world *query.World, now reading) {
		p = show(world, r)
		p.reading, p.Behind = now, world.Behind()
	})
	p.Organization, p.Now, p.Since = s.organization, s.instant(s.clock.Now()), s.instant(p.reading.Since)
	for _, e := range []entry{
		{Text: "Places", URL: s.url()}, {Text: "People", URL: s.url("people")}, {Text: "Roles", URL: s.url("roles")}, {Text: "Ask", URL: s.url("ask")},
		{Text: "Ending", URL: s.url("ends")}, {Text: "Requests", URL: s.url("requests")}, {Text: "Problems", URL: s.url("problems")},
	} {
		e.Current = e.URL == r.URL.Path || e.URL != s.url() && strings.HasPrefix(r.URL.Path, e.URL+"/")
		p.Navigation = append(p.Navigation, e)
	}
	var out bytes.Buffer
	if err := templates[p.Template].ExecuteTemplate(&out, "layout", p); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if p.Status != 0 {
		w.WriteHeader(p.Status)
	}
	_, _ = out.WriteTo(w) // whoever has gone does not read it
}

// url is the address of a page.
func (s *site) url(parts ...string) string {
	return path.Join(append([]string{"/", s.organization}, parts...)...)
}

// noSuch is the page of something that is not there.
func (s *site) noSuch(kind, name string) page {
	return page{Template: "missing", Title: fmt.Sprintf("No %s %s", kind, name), Status: http.StatusNotFound, Body: kind}
}

// link is an object, and where its page is; those of some kinds have none.
type link struct {
	query.Object
	URL string
}

func (s *site) link(object query.Object) link {
	switch object.Kind {
	case kinds.User:
		return link{object, s.url("people", object.Name)}
	case kinds.Group:
		return link{object, s.url("groups", object.Name)}
	case kinds.Role:
		return link{object, s.url("roles", object.Name)}
	}
	return link{Object: object}
}

func (s *site) links(objects []query.Object) []link {
	links := make([]link, 0, len(objects))
	for _, object := range objects {
		links = append(links, s.link(object))
	}
	return links
}

// instant is a time as it is shown, and how far it is from now.
type instant struct {
	At       time.Time
	Distance string
}

func (s *site) instant(at time.Time) instant {
	rest := at.Sub(s.clock.Now())
	if rest > 0 {
		return instant{at.UTC(), "in " + duration.HumanDuration(rest)}
	}
	return instant{at.UTC(), duration.HumanDuration(-rest) + " ago"}
}

// Written is for reading, Machine for programs.
func (i instant) Written() string { return i.At.Format("2006-01-02 15:04:05 UTC") }

// Machine is as RFC 3339 has it.
func (i instant) Machine() string { return i.At.Format(time.RFC3339) }

// missing is what a part of a page lacks.
type missing struct {
	Kinds []string
	Why   string
}

// Missing says which kinds a part of the page depends on and are not known, by why.
func (p page) Missing(needed ...string) (lacking []missing) {
	for _, kind := range needed {
		why, unread := p.Unread[kind]
		if !unread {
			continue
		}
		at := slices.IndexFunc(lacking, func(m missing) bool { return m.Why == why })
		if at < 0 {
			at = len(lacking)
			lacking = append(lacking, missing{Why: why})
		}
		lacking[at].Kinds = append(lacking[at].Kinds, kind)
	}
	return lacking
}

// MissingAny is Missing of all kinds on which answers depend.
func (p page) MissingAny() []missing {
	var all []string
	for _, kind := range kinds.All {
		if query.Matters(kind.Name) {
			all = append(all, kind.Name)
		}
	}
	return p.Missing(all...)
}
