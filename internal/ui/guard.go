package ui

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"net/http"
	"path"
	"slices"
	"sync"
)

// policy lets the page run, look like and talk to nothing but what this server gives it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// guard lets in who has opened the first URL, and nobody else. A web page elsewhere can't read or send anything, also if
// its name leads to this machine (DNS rebinding).
type guard struct {
	// hosts are the names by which this server may be called.
	hosts []string
	// cookie is the name of the cookie. Browsers don't keep those of two ports apart.
	cookie string

	mu sync.Mutex
	// token is in the first URL, and good for one time; empty once it has been used. session is in the cookie then.
	token, session string
}

func newGuard(port int) *guard {
	return &guard{
		hosts:  []string{fmt.Sprintf("127.0.0.1:%d", port), fmt.Sprintf("localhost:%d", port)},
		cookie: fmt.Sprintf("bailiwick-%d", port),
		token:  rand.Text() + rand.Text(), session: rand.Text() + rand.Text(),
	}
}

// protect lets through what next may answer.
func (g *guard) protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"Content-Security-Policy":      policy,
			"X-Content-Type-Options":       "nosniff",
			"Referrer-Policy":              "same-origin", // with none at all, the origin of a form would be null
			"Cross-Origin-Opener-Policy":   "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Cache-Control":                "no-store",
		} {
			w.Header().Set(name, value)
		}
		if why := g.foreign(r); why != "" {
			refuse(w, why)
			return
		}
		if token := r.URL.Query().Get("token"); r.URL.Path == "/" && token != "" && g.exchange(token) {
			http.SetCookie(w, &http.Cookie{Name: g.cookie, Value: g.session, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode}) //nolint:gosec // there is no TLS on loopback, so it can't be Secure
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		if !g.known(r) {
			refuse(w, "Open the address that kubectl authz ui has printed. It is good for one browser: if it has been used, start the command again.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// foreign says why a request does not come from a page of this server or from the address bar; empty if it does.
func (g *guard) foreign(r *http.Request) string {
	origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
	switch {
	case !slices.Contains(g.hosts, r.Host):
		return "This server is not called " + r.Host + "."
	case origin != "" && origin != "http://"+r.Host,
		origin == "" && r.Method != http.MethodGet && r.Method != http.MethodHead,
		site != "" && site != "same-origin" && site != "none":
		return "Another page has sent you here. Copy the address into the address bar."
	case r.URL.Path != path.Clean(r.URL.Path), r.URL.RawPath != "":
		return "There is no such page."
	}
	return ""
}

// exchange takes the token, the first time.
func (g *guard) exchange(token string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.token == "" || subtle.ConstantTimeCompare([]byte(token), []byte(g.token)) != 1 {
		return false
	}
	g.token = ""
	return true
}

// known says whether a request has the cookie.
func (g *guard) known(r *http.Request) bool {
	cookie, err := r.Cookie(g.cookie)
	return err == nil && subtle.ConstantTimeCompare([]byte(cookie.Value), []byte(g.session)) == 1
}

func refuse(w http.ResponseWriter, why string) {
	http.Error(w, why, http.StatusForbidden)
}
