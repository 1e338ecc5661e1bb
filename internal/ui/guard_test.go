package ui

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// [C1] Only the browser that has opened the first URL gets in, and no other page through it.
func TestOnlyWhoOpenedTheFirstURLGetsIn(t *testing.T) {
	g := newGuard(8642)
	site := g.protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	ask := func(method, host, target string, header http.Header) *httptest.ResponseRecorder {
		request := httptest.NewRequestWithContext(t.Context(), method, "http://"+host+target, nil)
		request.Header = header
		recorder := httptest.NewRecorder()
		site.ServeHTTP(recorder, request)
		return recorder
	}
	const host = "127.0.0.1:8642"
	first := "/?token=" + g.token

	refused := func(what string, response *httptest.ResponseRecorder) {
		t.Helper()
		if response.Code != http.StatusForbidden || response.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: %d, %v", what, response.Code, response.Header())
		}
		if policy := response.Header().Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") {
			t.Errorf("%s: policy %q", what, policy)
		}
	}
	refused("without a token", ask(http.MethodGet, host, "/acme", nil))
	refused("a wrong token", ask(http.MethodGet, host, "/?token=x"+url.QueryEscape(g.token), nil))
	refused("an empty token", ask(http.MethodGet, host, "/?token=", nil))
	refused("the token elsewhere", ask(http.MethodGet, host, "/acme?token="+g.token, nil))
	refused("a name that leads here", ask(http.MethodGet, "evil.example:8642", first, nil))
	refused("another port", ask(http.MethodGet, "127.0.0.1:80", first, nil))
	refused("a link on another page", ask(http.MethodGet, host, first, http.Header{"Sec-Fetch-Site": {"cross-site"}}))

	in := ask(http.MethodGet, host, first, nil)
	cookie, err := http.ParseSetCookie(in.Header().Get("Set-Cookie"))
	if err != nil || in.Code != http.StatusSeeOther || in.Header().Get("Location") != "/" {
		t.Fatalf("the first URL: %d, %v", in.Code, in.Header())
	}
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || strings.Contains(first, cookie.Value) {
		t.Errorf("the cookie is %v", cookie)
	}
	refused("the token again", ask(http.MethodGet, host, first, nil))
	g.token = ""
	refused("no token, once it has been used", ask(http.MethodGet, host, "/?token=", nil))

	with := func(more ...string) http.Header {
		header := http.Header{"Cookie": {cookie.Name + "=" + cookie.Value}}
		for n := 0; n < len(more); n += 2 {
			header.Set(more[n], more[n+1])
		}
		return header
	}
	refused("a wrong cookie", ask(http.MethodGet, host, "/acme", http.Header{"Cookie": {cookie.Name + "=x"}}))
	refused("a name that leads here, with the cookie", ask(http.MethodGet, "evil.example:8642", "/acme", with()))
	refused("a foreign origin", ask(http.MethodGet, host, "/acme", with("Origin", "http://evil.example")))
	refused("another port's origin", ask(http.MethodPost, host, "/acme", with("Origin", "http://127.0.0.1:80")))
	refused("no origin for a change", ask(http.MethodPost, host, "/acme", with()))
	refused("the null origin", ask(http.MethodPost, host, "/acme", with("Origin", "null")))
	refused("a page of another port", ask(http.MethodGet, host, "/acme", with("Sec-Fetch-Site", "same-site")))
	for _, outside := range []string{"/../etc/passwd", "/acme/../x", "//acme", "/acme/", "/acme/%2e%2e/x", "/acme%2Fpeople"} {
		refused(outside, ask(http.MethodGet, host, outside, with()))
	}
	for _, header := range []http.Header{with(), with("Sec-Fetch-Site", "same-origin"), with("Sec-Fetch-Site", "none"), with("Origin", "http://"+host)} {
		if response := ask(http.MethodGet, host, "/acme", header); response.Code != http.StatusTeapot {
			t.Errorf("%v: %d", header, response.Code)
		}
	}
	if response := ask(http.MethodPost, host, "/acme", with("Origin", "http://"+host)); response.Code != http.StatusTeapot {
		t.Errorf("a change by the page itself: %d", response.Code)
	}
}
