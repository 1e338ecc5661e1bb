package state_test

import (
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/condition"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

// granting is what the two kinds of grants have in common.
type granting struct {
	ref         kinds.Ref
	user, group string
	scope       v1alpha1.Scope
	entries     []v1alpha1.PermissionEntry
	life        policy.Lifetime
	// parsed are the entries without a fault.
	parsed []policy.Grant
}

// grants gives out what grants ask for, the oldest first and as far as the store takes it.
func (w *wanted) grants() {
	asked := map[tuples.Cell][]granting{}
	for _, object := range w.objects {
		switch object.(type) {
		case *v1alpha1.PermissionGrant, *v1alpha1.TemporaryPermissionGrant:
			g, reason := w.grantingOf(object)
			cell, reason := w.ask(&g, reason)
			if reason != "" {
				w.verdicts[g.ref] = ready(reason)
				continue
			}
			asked[cell] = append(asked[cell], g)
			w.referrers[cell] = append(w.referrers[cell], g.ref)
		}
	}
	for cell, grants := range asked {
		w.fill(cell, grants)
	}
}

// ask is where a grant gives something, or why it does not.
func (w *wanted) ask(g *granting, reason string) (tuples.Cell, string) {
	if reason != "" {
		return tuples.Cell{}, reason
	}
	path, reason := w.scope(g.ref.Namespace, g.scope)
	if reason != "" {
		return tuples.Cell{}, reason
	}
	subject, reason := w.subject(g.ref.Namespace, g.user, g.group, "")
	if reason != "" {
		return tuples.Cell{}, reason
	}
	for _, written := range g.entries {
		if granted, fault := policy.ParseEntry(written, w, path.ResourceType); fault == nil {
			granted.Window = g.life.Window()
			g.parsed = append(g.parsed, granted)
		}
	}
	if path.ResourceID == "" {
		path.ResourceType = ""
	}
	if path.Level() == scope.Resource {
		w.tuples[g.ref] = []store.Key{parent(path)}
	}
	return tuples.GrantCell(objectid.Scope(path), subject), ""
}

// fill gives a cell to those who ask for it. Where all that is asked for fits, nothing of it is too large,
// as when a permission without conditions makes a long list of them needless.
func (w *wanted) fill(cell tuples.Cell, asked []granting) {
	var all []policy.Grant
	for _, g := range asked {
		all = append(all, g.parsed...)
	}
	_, tooLarge := tuples.Contexts(all, 1)
	admitted := map[string][]policy.Grant{}
	for _, g := range asked {
		w.verdicts[g.ref] = w.admit(g, admitted, tooLarge != nil)
	}
	if contexts, _ := tuples.Contexts(flat(admitted), 1); len(contexts) > 0 {
		w.contexts[cell] = contexts
	}
}

// admit adds what a grant asks for to what was admitted before.
func (w *wanted) admit(g granting, admitted map[string][]policy.Grant, measure bool) verdict {
	faults := slices.Repeat([]string{v1alpha1.ReasonPermissionsInvalid}, len(g.entries)-len(g.parsed))
	for _, granted := range g.parsed {
		before := admitted[granted.Permission]
		with := policy.Merge(append(slices.Clone(before), granted))
		if condition.Cost(with) > w.limits.ConditionCost && !slices.ContainsFunc(with, policy.Grant.Always) {
			faults = append(faults, v1alpha1.ReasonConditionTooExpensive)
			continue
		}
		admitted[granted.Permission] = with
		if _, err := tuples.Contexts(flat(admitted), 1); measure && err != nil {
			admitted[granted.Permission] = before
			faults = append(faults, v1alpha1.ReasonContextTooLarge)
		}
	}
	begun := !w.now.Before(g.life.Start)
	result := verdict{reason: v1alpha1.ReasonInForce, ready: true, inForce: begun && len(faults) < len(g.entries)}
	switch {
	case len(faults) > 0:
		result.ready, result.reason = false, faults[0]
		if slices.ContainsFunc(faults, func(fault string) bool { return fault != faults[0] }) {
			result.reason = v1alpha1.ReasonPermissionsInvalid
		}
	case !begun:
		result.reason = v1alpha1.ReasonPending
	}
	return result
}

func flat(admitted map[string][]policy.Grant) (grants []policy.Grant) {
	for _, same := range admitted {
		grants = append(grants, same...)
	}
	return grants
}

// grantingOf is what a grant asks for, or why it gives nothing whatever else there is.
func (w *wanted) grantingOf(object client.Object) (granting, string) {
	if o, ok := object.(*v1alpha1.PermissionGrant); ok {
		window, over := w.windowOf(o.Spec.Window)
		g := granting{
			ref: kinds.RefOf(o), user: o.Spec.Subject.User, group: o.Spec.Subject.Group, scope: o.Spec.Scope,
			entries: o.Spec.Permissions, life: policy.Lifetime{Start: window.From, Deadline: window.Until},
		}
		if over {
			return g, v1alpha1.ReasonExpired
		}
		return g, ""
	}
	o := object.(*v1alpha1.TemporaryPermissionGrant)
	g := granting{
		ref: kinds.RefOf(o), user: o.Spec.User, scope: o.Spec.Scope,
		entries: []v1alpha1.PermissionEntry{o.Spec.PermissionGrant},
	}
	g.life.Start = o.CreationTimestamp.Time
	if o.Spec.StartsAt != nil {
		g.life.Start = o.Spec.StartsAt.Time
	}
	switch {
	case o.Spec.ExpiresAt != nil:
		g.life.Deadline = o.Spec.ExpiresAt.Time
	case o.Spec.Duration != nil:
		lasts, _ := policy.ParseDuration(*o.Spec.Duration)
		g.life.Deadline = g.life.Start.Add(lasts)
	default:
		return g, v1alpha1.ReasonDurationInvalid
	}
	if w.ungoverned(o.Namespace) == "" {
		if longest := find[*v1alpha1.Organization](w, "", o.Namespace).Spec.TemporaryGrants.MaxDuration; longest != nil {
			most, _ := policy.ParseDuration(*longest)
			if latest := g.life.Start.Add(most); g.life.Deadline.After(latest) {
				g.life.Deadline = latest
			}
		}
	}
	if !w.now.Before(g.life.Deadline) {
		return g, v1alpha1.ReasonExpired
	}
	return g, ""
}
