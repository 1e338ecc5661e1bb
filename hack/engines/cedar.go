package main

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
)

// cedarGo has one policy for each role, and one for what is granted under a condition. Who has a role at a place is in an entity
// of both, and whoever has it at a workspace is in those of its projects: nothing is looked for that the question does not name.
type cedarGo struct {
	policies *cedar.PolicySet
	mu       sync.RWMutex
	entities types.EntityMap
}

func startCedar(_ context.Context, w *world) (engine, error) {
	var text strings.Builder
	for r := range roles {
		fmt.Fprintf(&text, "permit(principal, action in Action::\"role-%[1]d\", resource) when { principal in resource.r%[1]d };\n", r)
	}
	fmt.Fprintf(&text, "permit(principal, action == Action::%q, resource) when { principal in Group::\"approvers\" && context.amount <= %d };\n", approve, limit)
	policies, err := cedar.NewPolicySetFromBytes("world.cedar", []byte(text.String()))
	if err != nil {
		return nil, err
	}
	c := &cedarGo{policies: policies, entities: types.EntityMap{}}
	for r := range roles {
		for n := range permissions {
			c.enter(uid("Action", permissionOf(r, n)), uid("Action", fmt.Sprint("role-", r)))
		}
	}
	for workspace := range workspaces {
		c.enterPlace(place{workspace, none})
		for project := range projects {
			c.enterPlace(place{workspace, project})
		}
	}
	for _, group := range w.groups {
		c.enter(uid("Group", group), held(w, group)...)
	}
	for _, user := range w.users {
		parents := held(w, user)
		for _, group := range w.groupsOf[user] {
			parents = append(parents, uid("Group", group))
		}
		if w.approvers[user] {
			parents = append(parents, uid("Group", "approvers"))
		}
		c.enter(uid("User", user), parents...)
	}
	return c, nil
}

func uid(kind, id string) types.EntityUID {
	return types.NewEntityUID(types.EntityType(kind), types.String(id))
}

// holders are those who have a role at a place.
func holders(role int, at place) types.EntityUID {
	return uid("Holders", fmt.Sprintf("%d at %d/%d", role, at.workspace, at.project))
}

// held are what somebody is in, by the roles that they have.
func held(w *world, holder string) (in []types.EntityUID) {
	for _, a := range w.held[holder] {
		in = append(in, holders(a.role, a.place))
	}
	return in
}

func (c *cedarGo) enter(entity types.EntityUID, parents ...types.EntityUID) {
	c.entities[entity] = types.Entity{UID: entity, Parents: types.NewEntityUIDSet(parents...)}
}

// enterPlace makes a place with its holders.
func (c *cedarGo) enterPlace(at place) {
	attributes := types.RecordMap{}
	for r := range roles {
		attributes[types.String(fmt.Sprint("r", r))] = holders(r, at)
		var below []types.EntityUID
		for project := range projects {
			if at.project == none {
				below = append(below, holders(r, place{at.workspace, project}))
			}
		}
		c.enter(holders(r, at), below...)
	}
	name := placeID(at)
	c.entities[name] = types.Entity{UID: name, Attributes: types.NewRecord(attributes)}
}

func placeID(at place) types.EntityUID {
	return uid("Place", fmt.Sprintf("%d/%d", at.workspace, at.project))
}

func (c *cedarGo) may(_ context.Context, q question) (bool, error) {
	request := cedar.Request{
		Principal: uid("User", q.user), Action: uid("Action", q.permission), Resource: placeID(q.place),
		Context: types.NewRecord(types.RecordMap{"amount": types.Long(q.amount)}),
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	decision, diagnostic := cedar.Authorize(c.policies, c.entities, request)
	if len(diagnostic.Errors) > 0 {
		return false, fmt.Errorf("evaluating the policies: %s", diagnostic.Errors[0])
	}
	return decision == cedar.Allow, nil
}

func (c *cedarGo) revoke(_ context.Context, a assignment) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.enter(uid("User", a.user)) // a leaver has nothing else
	return nil
}

func (*cedarGo) close() error { return nil }
