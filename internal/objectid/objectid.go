// Package objectid makes the ids under which people and places stand in the authorization store.
//
// An id is the whole path of what it names: every segment is percent-encoded outside
// [A-Za-z0-9._@-], segments are joined by "/", and the OpenFGA type says the level. So no name that
// a user chooses can reach beyond its own segment, and two different paths never have one id.
// A path longer than 180 characters is cut to its first 100, "~" and the base64url SHA-256 of the
// whole: "~" stands in no other id. What was cut can't be read back; all other ids can.
package objectid

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/scope"
)

// The OpenFGA types of the authorization model.
const (
	TypeUser         = "user"
	TypeGroup        = "group"
	TypeBinding      = "binding"
	TypeOrganization = "organization"
	TypeWorkspace    = "workspace"
	TypeProject      = "project"
	TypeResource     = "resource"
)

// OpenFGA takes objects of 256 characters and users of 512; with a type, a "#" and a relation before
// and behind it, 180 stays within both.
const (
	maxPath = 180
	keep    = 100
	cut     = "~"
)

// User is the person or service that applications know as subject. It belongs to no organization:
// one identity may be a member of several, and what it holds in each is said at that one's scopes.
func User(subject string) string { return id(TypeUser, subject) }

// Group is a group of an organization.
func Group(organization, name string) string { return id(TypeGroup, organization, name) }

// Scope is an organization, workspace, project or resource.
func Scope(p scope.Path) string { return id(typeOf[p.Level()], p.Segments()...) }

// Binding is one role at one scope. The level comes first, so that the number of segments says what
// each of them is.
func Binding(p scope.Path, role string) string {
	segments := p.Segments()
	return id(TypeBinding, append([]string{typeOf[p.Level()], segments[0], role}, segments[1:]...)...)
}

// Parent is the id of the place directly above the one with this id, read off the path that the id
// is. False for what has no parent, for what is not a scope, and for an id that was cut.
func Parent(object string) (string, bool) {
	kind, path, ok := strings.Cut(object, ":")
	if !ok || path == "" || strings.Contains(path, cut) {
		return "", false
	}
	segments := strings.Split(path, "/")
	switch {
	case kind == TypeWorkspace && len(segments) == 2:
		return TypeOrganization + ":" + segments[0], true
	case kind == TypeProject && len(segments) == 3:
		return TypeWorkspace + ":" + strings.Join(segments[:2], "/"), true
	case kind == TypeResource && len(segments) >= 3 && len(segments) <= 5:
		above := segments[:len(segments)-2]
		containers := []string{TypeOrganization, TypeWorkspace, TypeProject}
		return containers[len(above)-1] + ":" + strings.Join(above, "/"), true
	}
	return "", false
}

// SubjectOf is the subject of a user's id. It is false for an id that was cut, and for what User never makes.
func SubjectOf(user string) (string, bool) {
	names := namesIn(user)
	if len(names) != 1 || User(names[0]) != user {
		return "", false
	}
	return names[0], true
}

// GroupOf is the group with an id. It is false for an id that was cut, and for what Group never makes.
func GroupOf(group string) (organization, name string, ok bool) {
	names := namesIn(group)
	if len(names) != 2 || Group(names[0], names[1]) != group {
		return "", "", false
	}
	return names[0], names[1], true
}

// ScopeOf is the path with an id. It is false for an id that was cut, and for what Scope never makes.
func ScopeOf(object string) (scope.Path, bool) {
	names := namesIn(object)
	var path scope.Path
	if last := len(names) - 2; last > 0 && strings.HasPrefix(object, TypeResource+":") {
		path.ResourceType, path.ResourceID = names[last], names[last+1]
		names = names[:last]
	}
	into := []*string{&path.Organization, &path.Workspace, &path.Project}
	if len(names) == 0 || len(names) > len(into) {
		return scope.Path{}, false
	}
	for n, name := range names {
		*into[n] = name
	}
	return path, Scope(path) == object
}

// namesIn are the segments of an id, and none of what can't be read back.
func namesIn(id string) []string {
	_, path, _ := strings.Cut(id, ":")
	if strings.Contains(path, cut) {
		return nil
	}
	names := strings.Split(path, "/")
	for n := range names {
		var err error
		if names[n], err = url.PathUnescape(names[n]); err != nil {
			return nil
		}
	}
	if slices.Contains(names, "") {
		return nil
	}
	return names
}

var typeOf = map[scope.Level]string{
	scope.Organization: TypeOrganization,
	scope.Workspace:    TypeWorkspace,
	scope.Project:      TypeProject,
	scope.Resource:     TypeResource,
}

func id(kind string, segments ...string) string {
	var path strings.Builder
	for i, segment := range segments {
		if i > 0 {
			path.WriteByte('/')
		}
		encode(&path, segment)
	}
	full := path.String()
	if len(full) > maxPath {
		sum := sha256.Sum256([]byte(full))
		full = full[:keep] + cut + base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return kind + ":" + full
}

// encode is our own because url.PathEscape lets through "~", ":" and others that have a meaning here.
func encode(to *strings.Builder, segment string) {
	const hex = "0123456789ABCDEF"
	for i := range len(segment) {
		c := segment[i]
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '.', c == '_', c == '@', c == '-':
			to.WriteByte(c)
		default:
			to.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
}

// Organization is the name of the organization that an id of anything but a user belongs to.
func Organization(object string) string {
	kind, path, _ := strings.Cut(object, ":")
	if kind == TypeBinding {
		_, path, _ = strings.Cut(path, "/") // the level comes first
	}
	name, _, _ := strings.Cut(path, "/")
	return name
}
