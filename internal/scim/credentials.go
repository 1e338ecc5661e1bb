package scim

import (
	"errors"
	"fmt"
	"net/http"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/apikeys"
	"github.com/bailiwick-dev/bailiwick/internal/serviceaccounts"
)

// ServiceAccount is the one of an organization that whoever has a key acts as.
const ServiceAccount = "bailiwick-scim"

// Credentials say with whose rights a request is carried out.
type Credentials struct {
	// Cluster is how the API server is reached. Its credentials are used for nothing but to act as ServiceAccount.
	Cluster *rest.Config
	Scheme  *runtime.Scheme
	Mapper  meta.RESTMapper
	// Keys are for senders that can't keep a ServiceAccount's token; nil is none.
	Keys *apikeys.File
}

// Connect implements Connect. A token is passed on as it is: so the operator needs no right for it, and what the
// token may do is the API server's to say. Whoever shows a key acts as ServiceAccount of an organization that the
// key is for, if the operator has been allowed to impersonate that one.
func (c *Credentials) Connect(organization string, authorization []string) (client.Client, error) {
	if c.Keys != nil {
		switch caller, err := c.Keys.Authenticate(authorization); {
		case err == nil && !caller.MayAskAbout(organization):
			return nil, fail(http.StatusForbidden, "this key is not for the organization %s", organization)
		case err == nil:
			config := rest.CopyConfig(c.Cluster)
			config.Impersonate = rest.ImpersonationConfig{UserName: serviceaccounts.UserPrefix + organization + ":" + ServiceAccount}
			return c.client(config)
		case !errors.Is(err, apikeys.ErrUnknown):
			return nil, unavailable("the keys can't be read: the operator's log says why")
		}
	}
	token, shown := apikeys.Bearer(authorization)
	if !shown {
		return nil, unauthenticated("the request needs the header Authorization, with Bearer and the token of a ServiceAccount of the organization")
	}
	// The API server checks the token itself; this keeps those of others, which may be allowed more, from being used here by
	// mistake.
	namespace, is := serviceaccounts.NamespaceOf(token)
	if !is {
		return nil, unauthenticated("this is not the token of a ServiceAccount, and no key that is known here")
	}
	if namespace != organization {
		return nil, fail(http.StatusForbidden, "the token is of a ServiceAccount of %s, not of the organization %s", namespace, organization)
	}
	config := rest.AnonymousClientConfig(c.Cluster)
	config.BearerToken = token
	return c.client(config)
}

func (c *Credentials) client(config *rest.Config) (client.Client, error) {
	config.QPS = -1 // requests are bounded by how many are in flight, and the API server says when it has enough
	made, err := client.New(config, client.Options{Scheme: c.Scheme, Mapper: c.Mapper})
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	return made, nil
}
