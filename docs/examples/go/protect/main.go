// Command protect is an application that Bailiwick protects: see docs/tutorials/protect.md.
//
//	. .run/env
//	go run ./protect 127.0.0.1:8090
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/bailiwick-dev/bailiwick/docs/examples/go/authzen"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: protect ADDRESS")
	}
	bailiwick := &authzen.Client{
		URL:     os.Getenv("BAILIWICK_DECISION_URL"),
		Token:   func() (string, error) { return os.Getenv("BAILIWICK_DECISION_KEY"), nil },
		Timeout: time.Second,
	}
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("http://" + listener.Addr().String())
	server := &http.Server{Handler: routes(bailiwick), ReadHeaderTimeout: time.Second}
	log.Fatal(server.Serve(listener))
}

func routes(bailiwick *authzen.Client) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /projects/{organization}/{workspace}/{project}", bailiwick.Protect(func(r *http.Request) (authzen.Question, bool) {
		return authzen.Question{
			Subject: user(r), Action: &authzen.Action{Name: "App:View"}, Resource: project(r),
		}, user(r) != nil
	}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "here it is") })))

	// What somebody may do here, for a menu.
	mux.HandleFunc("GET /menu/{organization}/{workspace}/{project}", func(w http.ResponseWriter, r *http.Request) {
		actions := []string{"App:View", "App:Edit", "App:Deploy"}
		questions := make([]authzen.Question, len(actions))
		for n, name := range actions {
			questions[n].Action = &authzen.Action{Name: name}
		}
		allowed, err := bailiwick.AllowedAll(r.Context(), authzen.Question{Subject: user(r), Resource: project(r)}, questions)
		if err != nil {
			log.Print(err) // the menu is empty then
		}
		menu := []string{}
		for n, may := range allowed {
			if may {
				menu = append(menu, actions[n])
			}
		}
		write(w, menu)
	})

	// What somebody may view, as a condition for the application's database.
	mux.HandleFunc("GET /where/{organization}", func(w http.ResponseWriter, r *http.Request) {
		if user(r) == nil {
			http.Error(w, "sign in first", http.StatusUnauthorized)
			return
		}
		found, err := bailiwick.Resources(r.Context(), authzen.Question{
			Subject: user(r), Action: &authzen.Action{Name: "App:View"},
			Resource: &authzen.Entity{Type: "App", Properties: map[string]any{"scope": map[string]any{"organization": r.PathValue("organization")}}},
		})
		var where string
		var parameters []any
		if err == nil {
			where, parameters, err = authzen.Where(found, authzen.Columns{
				Organization: "organization", Workspace: "workspace", Project: "project", ID: "id",
				Attributes: map[string]authzen.Column{
					"color": {Name: "color", Type: "String"}, "size": {Name: "size", Type: "Number"}, "open": {Name: "open", Type: "Boolean"},
				},
			})
		}
		if err != nil {
			log.Print(err)
			http.Error(w, "the list can't be made", http.StatusServiceUnavailable)
			return
		}
		write(w, map[string]any{"where": where, "parameters": parameters})
	})
	return mux
}

// user is who has signed in. Yours comes from a session or a token, never from a header that anybody can send.
func user(r *http.Request) *authzen.Entity {
	name := r.Header.Get("X-User")
	if name == "" {
		return nil
	}
	return &authzen.Entity{Type: "user", ID: name}
}

func project(r *http.Request) *authzen.Entity {
	return &authzen.Entity{Type: "project", ID: r.PathValue("organization") + "/" + r.PathValue("workspace") + "/" + r.PathValue("project")}
}

func write(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		log.Print(err)
	}
}
