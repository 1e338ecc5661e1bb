package decision

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/bailiwick-dev/bailiwick/internal/apikeys"
	"github.com/bailiwick-dev/bailiwick/internal/caller"
	"github.com/bailiwick-dev/bailiwick/internal/serviceaccounts"
)

// maxAtOnce are the requests of one caller that are answered at the same time.
const maxAtOnce = 256

// errNotReviewed means that nobody can tell now who asks, or what they may ask about.
var errNotReviewed = errors.New("the API server does not say who may ask")

// Callers are those who may ask.
type Callers struct {
	// Keys are for those who show a key, Accounts for those who show a ServiceAccount's token. One of them may be nil.
	Keys     *apikeys.File
	Accounts Accounts
}

// Accounts knows ServiceAccounts: see serviceaccounts.Reviewer.
type Accounts interface {
	Authenticate(ctx context.Context, token string) (serviceaccounts.Account, error)
	MayAskAbout(ctx context.Context, account serviceaccounts.Account, organization string) (bool, error)
}

// asker is who asks.
type asker struct {
	caller.Profile
	// name is for the log, and tells callers apart.
	name string
	// mayAskAbout says whether it is told about an organization.
	mayAskAbout func(ctx context.Context, organization string) (bool, error)
	// lacking is what it lacks for that, with the organization for %q.
	lacking string
}

// authenticate finds out who asks, by all values of the Authorization header. An error is told to whoever it is.
func (c Callers) authenticate(ctx context.Context, authorization []string) (asker, error) {
	var keysFailed error
	if c.Keys != nil {
		known, err := c.Keys.Authenticate(authorization)
		if err == nil {
			return asker{
				name: known.Name, Profile: known.Profile, lacking: "this key is not for the organization %.128q",
				mayAskAbout: func(_ context.Context, organization string) (bool, error) {
					return known.MayAskAbout(organization), nil
				},
			}, nil
		}
		if !errors.Is(err, apikeys.ErrUnknown) {
			keysFailed = failure{http.StatusServiceUnavailable, "nobody can be told from anybody else: the operator can't read the keys, and its log says why"}
		}
	}
	if c.Accounts != nil {
		known, err := c.ofAccount(ctx, authorization)
		if !errors.Is(err, serviceaccounts.ErrNotAToken) {
			return known, err
		}
	}
	if keysFailed != nil {
		return asker{}, keysFailed
	}
	return asker{}, failure{http.StatusUnauthorized, c.unknown()}
}

// unknown says what whoever asks has to show.
func (c Callers) unknown() string {
	switch {
	case c.Accounts == nil:
		return apikeys.ErrUnknown.Error()
	case c.Keys == nil:
		return "the request needs the header Authorization, with Bearer and the token of a ServiceAccount for the audience " + serviceaccounts.Audience
	}
	return apikeys.ErrUnknown.Error() + ", or the token of a ServiceAccount for the audience " + serviceaccounts.Audience
}

func (c Callers) ofAccount(ctx context.Context, authorization []string) (asker, error) {
	token, shown := apikeys.Bearer(authorization)
	if !shown {
		return asker{}, serviceaccounts.ErrNotAToken
	}
	account, err := c.Accounts.Authenticate(ctx, token)
	if refused, is := errors.AsType[*serviceaccounts.RefusedError](err); is {
		return asker{}, failure{http.StatusUnauthorized, refused.Error()}
	}
	if wrong, is := errors.AsType[*serviceaccounts.ProfileError](err); is {
		return asker{}, failure{http.StatusServiceUnavailable, wrong.Error()}
	}
	if errors.Is(err, serviceaccounts.ErrNotAToken) {
		return asker{}, serviceaccounts.ErrNotAToken
	}
	if err != nil {
		return asker{}, fmt.Errorf("%w: %w", errNotReviewed, err)
	}
	return asker{
		name: account.Name, Profile: account.Profile,
		lacking: "the ServiceAccount may not create decisions.authz.bailiwick.dev in the namespace %.128q",
		mayAskAbout: func(ctx context.Context, organization string) (bool, error) {
			return c.Accounts.MayAskAbout(ctx, account, organization)
		},
	}, nil
}

// admits is a failure, to be told as a decision, if the caller is not told about an organization; another error means that
// nobody can tell now.
func (a asker) admits(ctx context.Context, organization string) error {
	may, err := a.mayAskAbout(ctx, organization)
	if err != nil {
		return fmt.Errorf("%w: %w", errNotReviewed, err)
	}
	if !may {
		// The same for organizations that there are and that there are not.
		return failure{http.StatusForbidden, fmt.Sprintf(a.lacking, organization)}
	}
	return nil
}

// crowd counts the requests of each caller that are under way.
type crowd struct {
	mu       sync.Mutex
	underWay map[string]int
}

// enter lets a request in, unless too many of its caller are.
func (c *crowd) enter(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.underWay[name] == maxAtOnce {
		return false
	}
	c.underWay[name]++
	return true
}

func (c *crowd) leave(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.underWay[name]--; c.underWay[name] == 0 {
		delete(c.underWay, name)
	}
}
