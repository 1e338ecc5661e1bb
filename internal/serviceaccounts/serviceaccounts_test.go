package serviceaccounts_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/bailiwick-dev/bailiwick/internal/caller"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/serviceaccounts"
)

// shop is a ServiceAccount of acme as a user.
const shop = "system:serviceaccount:acme:shop"

// cluster is an API server that reviews what a test makes up.
type cluster struct {
	clock    *clocktesting.FakePassiveClock
	reviewer *serviceaccounts.Reviewer

	mu sync.Mutex
	// known are the tokens that it takes, and may the namespaces in which shop may create decisions.
	known map[string]authenticationv1.TokenReviewStatus
	may   map[string]bool
	down  error
	// reviews are how often it was asked, by what.
	reviews map[string]int
}

func newCluster(annotations map[string]string) *cluster {
	c := &cluster{
		clock: clocktesting.NewFakePassiveClock(time.Date(2030, 6, 15, 12, 0, 0, 0, time.UTC)),
		known: map[string]authenticationv1.TokenReviewStatus{}, may: map[string]bool{}, reviews: map[string]int{},
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "shop", UID: "1", Annotations: annotations}}
	api := fake.NewClientBuilder().WithScheme(clientgoscheme.Scheme).WithObjects(account).WithInterceptorFuncs(interceptor.Funcs{Create: c.review}).Build()
	c.reviewer = serviceaccounts.New(api, api, c.clock)
	return c
}

func (c *cluster) review(_ context.Context, _ client.WithWatch, object client.Object, _ ...client.CreateOption) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down != nil {
		return c.down
	}
	switch review := object.(type) {
	case *authenticationv1.TokenReview:
		c.reviews["token"]++
		review.Status = c.known[review.Spec.Token]
	case *authorizationv1.SubjectAccessReview:
		at := review.Spec.ResourceAttributes
		c.reviews[at.Namespace]++
		review.Status.Allowed = review.Spec.User == shop && strings.Join(review.Spec.Groups, " ") == "system:serviceaccounts" &&
			at.Verb == "create" && at.Group == "authz.bailiwick.dev" && at.Resource == "decisions" && at.Name == "" && c.may[at.Namespace]
	}
	return nil
}

// token is one that says this of itself; whether it is true is for the cluster.
func (c *cluster) token(subject string, audience any, lasts time.Duration) string {
	claims, err := json.Marshal(map[string]any{"sub": subject, "aud": audience, "exp": c.clock.Now().Add(lasts).Unix()})
	if err != nil {
		panic(err)
	}
	return "e30." + base64.RawURLEncoding.EncodeToString(claims) + ".c2ln"
}

// takes has the cluster take a token.
func (c *cluster) takes(token string) string {
	c.known[token] = authenticationv1.TokenReviewStatus{
		Authenticated: true, Audiences: []string{"bailiwick"}, User: authenticationv1.UserInfo{Username: shop, UID: "1", Groups: []string{"system:serviceaccounts"}},
	}
	return token
}

func TestAServiceAccountIsKnownByItsToken(t *testing.T) {
	c := newCluster(map[string]string{
		caller.AnnotationDefaultScope: "acme/prod", caller.AnnotationSubjectTypes: "user, identity", caller.AnnotationReportUnknown: "true",
	})
	c.may["acme"] = true
	account, err := c.reviewer.Authenticate(t.Context(), c.takes(c.token(shop, []string{"vault", "bailiwick"}, time.Hour)))
	if err != nil || account.Name != shop || account.DefaultScope != (scope.Path{Organization: "acme", Workspace: "prod"}) || !account.ReportsUnknown ||
		!account.AsksAbout("identity") || !account.AsksAbout("user") || account.AsksAbout("device") {
		t.Errorf("%+v, %v", account, err)
	}
	for organization, want := range map[string]bool{"acme": true, "globex": false, "": false, "*": false, "acme/..": false, strings.Repeat("a", 64): false} {
		if may, err := c.reviewer.MayAskAbout(t.Context(), account, organization); may != want || err != nil {
			t.Errorf("about %q: %t, %v", organization, may, err)
		}
	}
	if len(c.reviews) != 3 {
		t.Errorf("the API server is asked about %v: what can be no namespace needs no question", c.reviews)
	}
}

func TestWhatIsNoTokenForBailiwickIsNotTaken(t *testing.T) {
	c := newCluster(nil)
	refused := func(name, token, words string) {
		t.Helper()
		_, err := c.reviewer.Authenticate(t.Context(), token)
		if _, is := errors.AsType[*serviceaccounts.RefusedError](err); !is || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", name, err)
		}
	}
	refused("for another audience", c.takes(c.token(shop, []string{"https://kubernetes.default.svc"}, time.Hour)), "is not for bailiwick")
	refused("expired", c.takes(c.token(shop, "bailiwick", 0)), "has expired")
	if len(c.reviews) > 0 {
		t.Errorf("the API server is asked about what says itself that it is no use: %v", c.reviews)
	}
	for name, token := range map[string]string{"a key": "a-key-of-more-than-thirty-two-characters", "of a person": c.token("alice", "bailiwick", time.Hour), "of a prefix": c.token("system:serviceaccount:acme", "bailiwick", time.Hour), "no JSON": "e30.e30x.e30", "nothing": ""} {
		if _, err := c.reviewer.Authenticate(t.Context(), token); !errors.Is(err, serviceaccounts.ErrNotAToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	refused("unknown to the API server", c.token(shop, "bailiwick", time.Hour), "does not take this token")
	forged := c.token(shop, "bailiwick", 2*time.Hour)
	c.known[forged] = authenticationv1.TokenReviewStatus{Authenticated: true, User: authenticationv1.UserInfo{Username: shop}}
	refused("for no audience that the API server names", forged, "does not take this token")
	gone := c.takes(c.token("system:serviceaccount:acme:gone", "bailiwick", time.Hour))
	c.known[gone] = authenticationv1.TokenReviewStatus{Authenticated: true, Audiences: []string{"bailiwick"}, User: authenticationv1.UserInfo{Username: "system:serviceaccount:acme:gone"}}
	refused("of one that is gone", gone, "acme/gone is gone")
	older := c.takes(c.token(shop, "bailiwick", 3*time.Hour))
	status := c.known[older]
	status.User.UID = "0"
	c.known[older] = status
	refused("of an older one of the same name", older, "acme/shop is another one now")
}

func TestWhatTheAPIServerSaidCountsForTenSeconds(t *testing.T) {
	c := newCluster(nil)
	c.may["acme"] = true
	token := c.takes(c.token(shop, "bailiwick", time.Minute))
	ask := func() (bool, error) {
		account, err := c.reviewer.Authenticate(t.Context(), token)
		if err != nil {
			return false, fmt.Errorf("authenticating: %w", err)
		}
		return c.reviewer.MayAskAbout(t.Context(), account, "acme")
	}
	for range 5 {
		if may, err := ask(); !may || err != nil {
			t.Fatalf("%t, %v", may, err)
		}
	}
	if c.reviews["token"] != 1 || c.reviews["acme"] != 1 {
		t.Errorf("asked five times, and the API server: %v", c.reviews)
	}
	c.may["acme"] = false
	c.clock.SetTime(c.clock.Now().Add(10*time.Second - time.Millisecond))
	if may, _ := ask(); !may {
		t.Error("it counts for ten seconds")
	}
	c.clock.SetTime(c.clock.Now().Add(time.Millisecond))
	if may, err := ask(); may || err != nil {
		t.Errorf("without the verb: %t, %v", may, err)
	}
	c.may["acme"] = true
	c.clock.SetTime(c.clock.Now().Add(-time.Second))
	if may, _ := ask(); !may {
		t.Error("what was said later than now does not count")
	}
	delete(c.known, token)
	c.clock.SetTime(c.clock.Now().Add(10 * time.Second))
	if _, err := ask(); err == nil || !strings.Contains(err.Error(), "does not take this token") {
		t.Errorf("a token that is not taken any more: %v", err)
	}
	c.takes(token)
	c.clock.SetTime(c.clock.Now().Add(10 * time.Second))
	if may, err := ask(); !may || err != nil {
		t.Errorf("taken again: %t, %v", may, err)
	}
	c.clock.SetTime(c.clock.Now().Add(9 * time.Second))
	c.down = errors.New("the API server is away")
	if may, err := ask(); !may || err != nil {
		t.Errorf("while the API server is away: %t, %v", may, err)
	}
	c.clock.SetTime(c.clock.Now().Add(time.Second))
	_, err := ask()
	if _, refused := errors.AsType[*serviceaccounts.RefusedError](err); err == nil || refused {
		t.Errorf("later nobody can tell: %v", err)
	}
	c.down = nil
	c.clock.SetTime(c.clock.Now().Add(time.Hour))
	if _, err := ask(); err == nil || !strings.Contains(err.Error(), "has expired") {
		t.Errorf("expired: %v", err)
	}
}

func TestManyWhoAskTheSameAreOneQuestion(t *testing.T) {
	c := newCluster(nil)
	token := c.takes(c.token(shop, "bailiwick", time.Hour))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	c.mu.Lock()
	_, err := c.reviewer.Authenticate(gone, token)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("who has gone: %v", err)
	}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if _, err := c.reviewer.Authenticate(t.Context(), token); err != nil {
				t.Errorf("one of many: %v", err)
			}
		})
	}
	c.mu.Unlock()
	all.Wait()
	if c.reviews["token"] != 1 {
		t.Errorf("%d reviews", c.reviews["token"])
	}
}

func TestWhatIsWrongWithAnnotationsIsSaid(t *testing.T) {
	for annotation, values := range map[string][]string{
		caller.AnnotationDefaultScope:  {"", "/", "acme/", "acme/prod/vision/1", "acme//vision"},
		caller.AnnotationSubjectTypes:  {"", "user,", ","},
		caller.AnnotationReportUnknown: {"", "yes"},
	} {
		for _, value := range values {
			c := newCluster(map[string]string{annotation: value})
			_, err := c.reviewer.Authenticate(t.Context(), c.takes(c.token(shop, "bailiwick", time.Hour)))
			if _, is := errors.AsType[*serviceaccounts.ProfileError](err); !is || !strings.Contains(err.Error(), "acme/shop") || !strings.Contains(err.Error(), annotation) {
				t.Errorf("%s=%q: %v", annotation, value, err)
			}
		}
	}
}
