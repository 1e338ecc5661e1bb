package serviceaccounts

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// claims are what a token says of itself. Only the API server can tell whether that is so: what is read here saves it from being
// asked about what it would refuse, and ends a token on time.
type claims struct {
	Subject  string   `json:"sub"`
	Audience audience `json:"aud"`
	Expires  int64    `json:"exp"`
}

// audience is a name or a list of names.
type audience []string

// UnmarshalJSON implements json.Unmarshaler.
func (a *audience) UnmarshalJSON(encoded []byte) error {
	var one string
	if json.Unmarshal(encoded, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(encoded, (*[]string)(a)) //nolint:wrapcheck // it is wrapped by the decoder that calls this
}

// claimsOf reads a JSON Web Token whose subject is a ServiceAccount.
func claimsOf(token string) (claims, error) {
	var read claims
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims{}, ErrNotAToken
	}
	content, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(content, &read) != nil {
		return claims{}, ErrNotAToken
	}
	if _, _, is := accountOf(read.Subject); !is {
		return claims{}, ErrNotAToken
	}
	return read, nil
}

// NamespaceOf is the namespace that a token says its ServiceAccount is in; false for what is no token of one.
func NamespaceOf(token string) (namespace string, is bool) {
	read, err := claimsOf(token)
	if err != nil {
		return "", false
	}
	namespace, _, is = accountOf(read.Subject)
	return namespace, is
}

// check says why a token is not to be taken whoever has signed it.
func (c claims) check(now time.Time) error {
	if !slices.Contains(c.Audience, Audience) {
		return &RefusedError{fmt.Sprintf("the token is not for %s: have its audience be %q, as in `kubectl create token NAME --audience=%s`", Audience, Audience, Audience)}
	}
	if !now.Before(time.Unix(c.Expires, 0)) {
		return &RefusedError{"the token has expired: read it from its file for each request, since that is renewed"}
	}
	return nil
}
