// Package serviceaccounts knows the ServiceAccounts that may ask for decisions: by their tokens, which the API server
// reviews, and about which organizations, which RBAC says. Its rules are described in docs/asking.md.
package serviceaccounts

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/cache"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/accessreview"
	"github.com/bailiwick-dev/bailiwick/internal/caller"
	"github.com/bailiwick-dev/bailiwick/internal/elapsed"
)

// That subjectaccessreviews may be created is said by package admission.
// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups="",resources=serviceaccounts,verbs=get

// Audience is whom a token has to be for.
const Audience = "bailiwick"

const (
	// The right to ask is this verb on this virtual resource, in the organization's namespace.
	verb     = "create"
	resource = "decisions"

	// remembered is how long what the API server said counts, from when it was asked. A revocation counts within it.
	remembered = 10 * time.Second
	// rememberedTokens and rememberedRights bound what is remembered.
	rememberedTokens, rememberedRights = 4096, 16384
	// reviewTimeout ends a question to the API server.
	reviewTimeout = 3 * time.Second
	// reviewsAtOnce bound what strangers can have the API server asked at the same time.
	reviewsAtOnce = 32
)

// ErrNotAToken means that nothing here is a token of a ServiceAccount.
var ErrNotAToken = errors.New("it is no token of a ServiceAccount")

// RefusedError says why a token is not taken.
type RefusedError struct{ reason string }

// Error implements error.
func (e *RefusedError) Error() string { return e.reason }

// Account is a ServiceAccount that has shown its token.
type Account struct {
	// Name is its name as a user: system:serviceaccount:NAMESPACE:NAME.
	Name string
	caller.Profile

	token digest
	user  authenticationv1.UserInfo
}

// digest is what is kept of a token.
type digest [sha256.Size]byte

// Reviewer asks the API server. Its methods may be called concurrently.
type Reviewer struct {
	// client makes reviews, and reader reads ServiceAccounts from the API server itself.
	client client.Client
	reader client.Reader
	clock  clock.PassiveClock

	tokens, rights *cache.LRUExpireCache
	// asking joins those who ask the same at the same time.
	asking singleflight.Group
	slots  chan struct{}
}

// New asks through a client, reads ServiceAccounts through a reader, and remembers for a time by a clock.
func New(c client.Client, reader client.Reader, by clock.PassiveClock) *Reviewer {
	return &Reviewer{
		client: c, reader: reader, clock: by,
		tokens: cache.NewLRUExpireCacheWithClock(rememberedTokens, by),
		rights: cache.NewLRUExpireCacheWithClock(rememberedRights, by),
		slots:  make(chan struct{}, reviewsAtOnce),
	}
}

// reviewed is what is remembered of a token, and since when.
type reviewed struct {
	account Account
	err     error
	asked   time.Time
}

// permission is what is remembered of a right, and since when.
type permission struct {
	allowed bool
	asked   time.Time
}

// counts says whether what the API server was asked at an instant still does.
func (r *Reviewer) counts(asked time.Time) bool {
	return elapsed.Within(remembered, asked, r.clock.Now())
}

// Authenticate says whose token it is. It is ErrNotAToken for what is none, and a RefusedError for one that is not taken; any
// other error means that nobody can tell now.
func (r *Reviewer) Authenticate(ctx context.Context, token string) (Account, error) {
	claims, err := claimsOf(token)
	if err != nil {
		return Account{}, err
	}
	if err := claims.check(r.clock.Now()); err != nil {
		return Account{}, err
	}
	key := digest(sha256.Sum256([]byte(token)))
	if known, ok := r.tokens.Get(key); ok {
		if known, is := known.(reviewed); is && r.counts(known.asked) {
			return known.account, known.err
		}
	}
	answer, err := r.once(ctx, "token "+string(key[:]), func(ctx context.Context) (any, error) {
		asked := r.clock.Now()
		account, err := r.review(ctx, token)
		if _, refused := errors.AsType[*RefusedError](err); err == nil || refused {
			account.token = key
			r.tokens.Add(key, reviewed{account, err, asked}, remembered)
		}
		return account, err
	})
	account, _ := answer.(Account)
	return account, err
}

// once has a question to the API server asked once by all who need the answer at the same time. That one of them goes away must
// not leave the others without it.
func (r *Reviewer) once(ctx context.Context, key string, ask func(context.Context) (any, error)) (any, error) {
	answer := r.asking.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reviewTimeout)
		defer cancel()
		select {
		case r.slots <- struct{}{}:
			defer func() { <-r.slots }()
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting to ask the API server: %w", ctx.Err())
		}
		return ask(ctx)
	})
	select {
	case made := <-answer:
		return made.Val, made.Err
	case <-ctx.Done():
		return nil, fmt.Errorf("asking the API server: %w", ctx.Err())
	}
}

func (r *Reviewer) review(ctx context.Context, token string) (Account, error) {
	review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: []string{Audience}}}
	if err := r.client.Create(ctx, review); err != nil {
		return Account{}, fmt.Errorf("having a token reviewed: %w", err)
	}
	namespace, name, is := accountOf(review.Status.User.Username)
	// An API server that knows nothing of audiences names none.
	if !review.Status.Authenticated || !slices.Contains(review.Status.Audiences, Audience) || !is {
		return Account{}, &RefusedError{"the API server does not take this token: it is not its own, or has expired, or its ServiceAccount or Pod is gone"}
	}
	account := &corev1.ServiceAccount{}
	switch err := r.reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, account); {
	case apierrors.IsNotFound(err):
		return Account{}, &RefusedError{fmt.Sprintf("the ServiceAccount %s/%s is gone", namespace, name)}
	case err != nil:
		return Account{}, fmt.Errorf("reading the ServiceAccount %s/%s: %w", namespace, name, err)
	case string(account.UID) != review.Status.User.UID:
		// The API server remembers tokens for a while, also that of one that is gone.
		return Account{}, &RefusedError{fmt.Sprintf("the ServiceAccount %s/%s is another one now", namespace, name)}
	}
	profile, err := caller.FromAnnotations(account.Annotations)
	if err != nil {
		return Account{}, &ProfileError{fmt.Errorf("the ServiceAccount %s/%s: %w", namespace, name, err)}
	}
	return Account{Name: review.Status.User.Username, Profile: profile, user: review.Status.User}, nil
}

// ProfileError says what is wrong with the annotations of a ServiceAccount.
type ProfileError struct{ err error }

// Error implements error.
func (e *ProfileError) Error() string { return e.err.Error() }

// right is what is remembered of what someone may ask about.
type right struct {
	token        digest
	organization string
}

// MayAskAbout says whether an account is told about an organization. An error means that nobody can tell now.
func (r *Reviewer) MayAskAbout(ctx context.Context, account Account, organization string) (bool, error) {
	if len(validation.IsDNS1123Label(organization)) > 0 {
		return false, nil // there is no such namespace
	}
	key := right{account.token, organization}
	if known, ok := r.rights.Get(key); ok {
		if known, is := known.(permission); is && r.counts(known.asked) {
			return known.allowed, nil
		}
	}
	answer, err := r.once(ctx, "right "+string(key.token[:])+organization, func(ctx context.Context) (any, error) {
		asked := r.clock.Now()
		review := &authorizationv1.SubjectAccessReview{Spec: accessreview.Of(account.user, authorizationv1.ResourceAttributes{
			Verb: verb, Namespace: organization, Group: v1alpha1.GroupVersion.Group, Resource: resource,
		})}
		if err := r.client.Create(ctx, review); err != nil {
			return false, fmt.Errorf("asking what %s may do: %w", account.Name, err)
		}
		r.rights.Add(key, permission{review.Status.Allowed, asked}, remembered)
		return review.Status.Allowed, nil
	})
	allowed, _ := answer.(bool)
	return allowed, err
}

// UserPrefix is before namespace and name where a ServiceAccount is a user.
const UserPrefix = "system:serviceaccount:"

func accountOf(username string) (namespace, name string, is bool) {
	rest, is := strings.CutPrefix(username, UserPrefix)
	if !is {
		return "", "", false
	}
	return strings.Cut(rest, ":")
}
