// Package scope names the places where access can be held: organization > workspace > project >
// resource. It is pure: a path is only a name, whether it is declared is for others to say.
package scope

import (
	"slices"
	"strings"
)

// Level is how deep a path goes.
type Level string

// The levels, from the widest to the narrowest. The values are those of the API.
const (
	Organization Level = "Organization"
	Workspace    Level = "Workspace"
	Project      Level = "Project"
	Resource     Level = "Resource"
)

// Path is one place. Organization is always set, Project needs Workspace, ResourceType and
// ResourceID come together; the zero values mean "not this deep". Paths are comparable and serve as
// map keys.
type Path struct {
	Organization string
	Workspace    string
	Project      string
	ResourceType string
	ResourceID   string
}

// Level says how deep the path goes.
func (p Path) Level() Level {
	switch {
	case p.ResourceType != "":
		return Resource
	case p.Project != "":
		return Project
	case p.Workspace != "":
		return Workspace
	default:
		return Organization
	}
}

// Container is the organization, workspace or project that the path is in: the path itself unless it
// is a resource.
func (p Path) Container() Path {
	p.ResourceType, p.ResourceID = "", ""
	return p
}

// Parent is the place directly above; false for an organization, which has none.
func (p Path) Parent() (Path, bool) {
	switch p.Level() {
	case Resource:
		return p.Container(), true
	case Project:
		p.Project = ""
		return p, true
	case Workspace:
		p.Workspace = ""
		return p, true
	default:
		return Path{}, false
	}
}

// Covers says whether what is held at p is held at other too: other is p or lies below it.
func (p Path) Covers(other Path) bool {
	for {
		if p == other {
			return true
		}
		above, ok := other.Parent()
		if !ok {
			return false
		}
		other = above
	}
}

// Segments are the parts of the path from the organization down, those that are set.
func (p Path) Segments() []string {
	segments := []string{p.Organization}
	if p.Workspace != "" {
		segments = append(segments, p.Workspace)
	}
	if p.Project != "" {
		segments = append(segments, p.Project)
	}
	if p.ResourceType != "" {
		segments = append(segments, p.ResourceType, p.ResourceID)
	}
	return segments
}

// Compare orders paths, each before what lies below it.
func (p Path) Compare(other Path) int { return slices.Compare(p.Segments(), other.Segments()) }

// String is the path for people, as in "acme/prod/vision", or "acme/prod/flow/*" for all resources of a
// type. It is not an id: see package objectid.
func (p Path) String() string {
	if p.ResourceType != "" && p.ResourceID == "" {
		p.ResourceID = "*"
	}
	return strings.Join(p.Segments(), "/")
}
