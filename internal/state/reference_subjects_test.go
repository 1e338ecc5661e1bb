package state_test

import (
	"slices"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

// scope is the place that a scope names, or why there is none.
func (w *wanted) scope(namespace string, written v1alpha1.Scope) (scope.Path, string) {
	if reason := w.ungoverned(namespace); reason != "" {
		return scope.Path{}, reason
	}
	path := scope.Path{Organization: namespace, Workspace: written.Workspace, Project: written.Project}
	declared := written.Workspace == ""
	for _, workspace := range find[*v1alpha1.Organization](w, "", namespace).Spec.Workspaces {
		if workspace.Name == written.Workspace {
			declared = written.Project == "" || slices.ContainsFunc(workspace.Projects, func(project v1alpha1.Project) bool {
				return project.Name == written.Project
			})
		}
	}
	if !declared {
		return path, v1alpha1.ReasonScopeNotFound
	}
	if written.Resource != nil {
		path.ResourceType, path.ResourceID = written.Resource.Type, written.Resource.ID
		if w.holderOf(path.ResourceType) == nil {
			return path, v1alpha1.ReasonResourceTypeNotFound
		}
	}
	return path, ""
}

// subject is who gets something, as the store knows them, or why nobody does.
func (w *wanted) subject(namespace, user, group, invitation string) (string, string) {
	switch {
	case user != "":
		named := find[*v1alpha1.User](w, namespace, user)
		if named == nil {
			return "", v1alpha1.ReasonUserNotFound
		}
		switch w.user(named).reason {
		case v1alpha1.ReasonValid:
			return "user:" + named.Spec.Subject, ""
		case v1alpha1.ReasonSuspended:
			return "", v1alpha1.ReasonUserSuspended
		default:
			return "", v1alpha1.ReasonUserInvalid
		}
	case group != "":
		if find[*v1alpha1.Group](w, namespace, group) == nil {
			return "", v1alpha1.ReasonGroupNotFound
		}
		return "group:" + namespace + "/" + group + "#member", ""
	default:
		return w.invited(namespace, invitation)
	}
}

func (w *wanted) assignment(ref kinds.Ref, o *v1alpha1.RoleAssignment) {
	window, over := w.windowOf(o.Spec.Window)
	if over {
		w.verdicts[ref] = ready(v1alpha1.ReasonExpired)
		return
	}
	path, subject, contexts, reason := w.judgeAssignment(o)
	if reason != "" {
		w.verdicts[ref] = ready(reason)
		return
	}
	binding := objectid.Binding(path, o.Spec.RoleRef.Name)
	if window != (policy.Window{}) {
		of := binding + " " + subject
		if w.admitted[of] == nil {
			w.admitted[of] = &members{}
		}
		if reason := w.admitWindow(&w.admitted[of].windows, window); reason != "" {
			w.verdicts[ref] = ready(reason)
			return
		}
	}
	w.verdicts[ref] = w.in(window)
	w.share(tuples.Assignee(binding, subject), window, ref)
	if path.Level() == scope.Resource {
		w.tuples[ref] = append(w.tuples[ref], parent(path))
	}
	cell := tuples.RoleCell(objectid.Scope(path), binding)
	w.contexts[cell] = contexts
	w.referrers[cell] = append(w.referrers[cell], ref)
}

func (w *wanted) judgeAssignment(o *v1alpha1.RoleAssignment) (path scope.Path, subject string, contexts []*structpb.Struct, reason string) {
	if path, reason = w.scope(o.Namespace, o.Spec.Scope); reason != "" {
		return path, "", nil, reason
	}
	role := find[*v1alpha1.Role](w, o.Namespace, o.Spec.RoleRef.Name)
	if role == nil {
		return path, "", nil, v1alpha1.ReasonRoleNotFound
	}
	if !policy.AssignableAt(&role.Spec, v1alpha1.ScopeLevel(path.Level())) {
		return path, "", nil, v1alpha1.ReasonScopeLevelNotAllowed
	}
	contexts, _ = w.role(role)
	if w.isTooLarge(role) {
		return path, "", nil, v1alpha1.ReasonRoleInvalid
	}
	if subject, reason = w.subject(o.Namespace, o.Spec.Subject.User, o.Spec.Subject.Group, o.Spec.Subject.Invitation); reason != "" {
		return path, "", nil, reason
	}
	if len(contexts) == 0 {
		return path, "", nil, v1alpha1.ReasonRoleEmpty
	}
	return path, subject, contexts, ""
}
