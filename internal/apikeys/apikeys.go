// Package apikeys knows who may ask for decisions: applications, by their keys, and about which
// organizations. Its file is described in docs/asking.md.
package apikeys

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/bailiwick-dev/bailiwick/internal/caller"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
)

// everyOrganization stands in a list for all organizations, also those that are yet to come.
const everyOrganization = "*"

const (
	minKey, maxKey = 32, 512
	// maxEntries keeps looking through all of them cheap.
	maxEntries = 1000
)

// keySyntax is that of RFC 6750 for what follows "Bearer".
var keySyntax = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// Caller is an application that has shown its key.
type Caller struct {
	// Name is for logs.
	Name          string
	organizations map[string]struct{}
	all           bool
	caller.Profile
}

// MayAskAbout says whether the caller is told about an organization.
func (c Caller) MayAskAbout(organization string) bool {
	_, listed := c.organizations[organization]
	return c.all || listed
}

// MayAskAboutAll says whether the caller is told about every organization.
func (c Caller) MayAskAboutAll() bool { return c.all }

// hash is what is kept of a key.
type hash [sha256.Size]byte

// book is what a file says.
type book []entry

type entry struct {
	key    hash
	caller Caller
}

// find looks at every entry, so that how long it takes says nothing about the keys.
func (b book) find(key string) (Caller, bool) {
	shown := hash(sha256.Sum256([]byte(key)))
	found := -1
	for i := range b {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(shown[:], b[i].key[:]), i, found)
	}
	if found < 0 {
		return Caller{}, false
	}
	return b[found].caller, true
}

// parse reads a file's content. Its errors name entries, never keys.
func parse(content []byte) (book, error) {
	var file struct {
		Callers []struct {
			Name          string        `json:"name"`
			Key           string        `json:"key"`
			Organizations []string      `json:"organizations"`
			DefaultScope  *writtenScope `json:"defaultScope"`
			SubjectTypes  []string      `json:"subjectTypes"`
			ReportUnknown bool          `json:"reportUnknown"`
		} `json:"callers"`
	}
	if err := yaml.UnmarshalStrict(content, &file); err != nil {
		// The library's message may quote the line, and with it a key.
		return nil, errors.New("it is not YAML with a list callers, of which each has name, key and organizations, and may have defaultScope, subjectTypes and reportUnknown")
	}
	if count := len(file.Callers); count == 0 || count > maxEntries {
		return nil, fmt.Errorf("callers has %d entries: it needs 1 to %d", count, maxEntries)
	}
	made := make(book, 0, len(file.Callers))
	holders := map[hash]string{}
	for i, written := range file.Callers {
		where := fmt.Sprintf("callers[%d]", i)
		if strings.TrimSpace(written.Name) == "" {
			return nil, fmt.Errorf("%s.name is empty: it is what logs call the caller", where)
		}
		where += fmt.Sprintf(" (%s)", written.Name)
		if len(written.Key) < minKey || len(written.Key) > maxKey || !keySyntax.MatchString(written.Key) {
			return nil, fmt.Errorf("%s.key is not %d to %d of the characters A-Z a-z 0-9 . _ ~ + / - with = at its end: make one with `openssl rand -hex 32`",
				where, minKey, maxKey)
		}
		key := hash(sha256.Sum256([]byte(written.Key)))
		if holder, taken := holders[key]; taken {
			return nil, fmt.Errorf("%s.key is also that of %s: each entry needs its own", where, holder)
		}
		holders[key] = where
		if len(written.Organizations) == 0 {
			return nil, fmt.Errorf("%s.organizations is empty: name those that it may ask about, or %q for all", where, everyOrganization)
		}
		known := Caller{Name: written.Name, organizations: map[string]struct{}{}}
		for _, organization := range written.Organizations {
			switch organization {
			case "":
				return nil, fmt.Errorf("%s.organizations has an empty name", where)
			case everyOrganization:
				known.all = true
			default:
				known.organizations[organization] = struct{}{}
			}
		}
		var err error
		if known.DefaultScope, err = known.scopeOf(written.DefaultScope); err != nil {
			return nil, fmt.Errorf("%s.%w", where, err)
		}
		if slices.Contains(written.SubjectTypes, "") {
			return nil, fmt.Errorf("%s.subjectTypes has an empty type", where)
		}
		known.SubjectTypes, known.ReportsUnknown = written.SubjectTypes, written.ReportUnknown
		made = append(made, entry{key, known})
	}
	return made, nil
}

// writtenScope is a scope as a file has it.
type writtenScope struct {
	Organization string `json:"organization"`
	Workspace    string `json:"workspace"`
	Project      string `json:"project"`
}

// scopeOf is the scope that questions may leave out. The error begins with the field.
func (c Caller) scopeOf(at *writtenScope) (scope.Path, error) {
	switch {
	case at == nil:
		return scope.Path{}, nil
	case at.Organization == "":
		return scope.Path{}, errors.New("defaultScope.organization is empty: name one of the caller's organizations")
	case !c.MayAskAbout(at.Organization):
		return scope.Path{}, fmt.Errorf("defaultScope.organization is %q, about which the caller may not ask: add it to organizations", at.Organization)
	case at.Project != "" && at.Workspace == "":
		return scope.Path{}, errors.New("defaultScope.workspace is empty: a project needs the workspace that it is in")
	}
	return scope.Path{Organization: at.Organization, Workspace: at.Workspace, Project: at.Project}, nil
}
