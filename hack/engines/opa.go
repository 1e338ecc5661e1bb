package main

import (
	"context"
	"fmt"

	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

// policy goes from the user to what they and their groups have, so that it looks at nothing else.
const policy = `package world

default allow := false

allow if gives(data.held[input.user])

allow if {
	some group in data.groups[input.user]
	gives(data.held[group])
}

allow if {
	input.permission == data.approve
	data.approvers[input.user]
	input.amount <= data.limit
}

gives(assignments) if {
	some a in assignments
	data.above[input.place][a.place]
	data.roles[a.role][input.permission]
}
`

// opa evaluates a prepared query, with a store that has its data as the evaluation needs them.
type opa struct {
	query rego.PreparedEvalQuery
	store storage.Store
}

func startOPA(ctx context.Context, w *world) (engine, error) {
	data := map[string]map[string]any{"held": {}, "groups": {}, "roles": {}, "above": {}, "approvers": {}}
	for r := range roles {
		given := map[string]any{}
		for n := range permissions {
			given[permissionOf(r, n)] = true
		}
		data["roles"][roleName(r)] = given
	}
	for workspace := range workspaces {
		for project := range projects {
			data["above"][pathOf(place{workspace, project})] = map[string]any{pathOf(place{workspace, none}): true, pathOf(place{workspace, project}): true}
		}
	}
	for holder, assignments := range w.held {
		given := map[string]any{}
		for _, a := range assignments {
			given[a.name] = map[string]any{"role": roleName(a.role), "place": pathOf(a.place)}
		}
		data["held"][holder] = given
	}
	for _, user := range w.users {
		groups := make([]any, len(w.groupsOf[user]))
		for n, group := range w.groupsOf[user] {
			groups[n] = group
		}
		data["groups"][user] = groups
		if w.approvers[user] {
			data["approvers"][user] = true
		}
	}
	all := map[string]any{"approve": approve, "limit": limit}
	for name, part := range data {
		all[name] = part
	}
	o := &opa{store: inmem.NewFromObjectWithOpts(all, inmem.OptReturnASTValuesOnRead(true))}
	var err error
	o.query, err = rego.New(rego.Query("data.world.allow"), rego.Module("world.rego", policy), rego.Store(o.store)).PrepareForEval(ctx)
	return o, err
}

func pathOf(at place) string { return fmt.Sprintf("%d/%d", at.workspace, at.project) }

func (o *opa) may(ctx context.Context, q question) (bool, error) {
	found, err := o.query.Eval(ctx, rego.EvalInput(map[string]any{
		"user": q.user, "permission": q.permission, "place": pathOf(q.place), "amount": q.amount,
	}))
	return found.Allowed(), err
}

func (o *opa) revoke(ctx context.Context, a assignment) error {
	return storage.WriteOne(ctx, o.store, storage.RemoveOp, storage.Path{"held", a.user, a.name}, nil)
}

func (*opa) close() error { return nil }
