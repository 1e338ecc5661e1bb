package storetest

import (
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// The tests of the model use one tree of places.
const (
	organization = "organization:acme"
	workspace    = "workspace:acme/prod"
	project      = "project:acme/prod/vision"
	resource     = "resource:acme/prod/vision/flow/42"
)

var places = []string{organization, workspace, project, resource}

func tree() []store.Tuple {
	return []store.Tuple{
		plain(workspace, "parent", organization),
		plain(project, "parent", workspace),
		plain(resource, "parent", project),
	}
}

var modelTests = map[string]func(*testing.T, store.Store){
	"APermissionIsHeldAtItsPlaceAndBelow": func(t *testing.T, s store.Store) {
		write(t, s, tree()...)
		for height, place := range places {
			write(t, s, granting(place, "grant_a", "user:u", "App:View"))
			for depth, other := range places {
				expectHeld(t, s, other, "user:u", "App:View", depth >= height)
			}
			remove(t, s, key(place, "grant_a", "user:u"))
		}
	},
	"AResourceMayBeAtEveryLevel": func(t *testing.T, s store.Store) {
		write(t, s, tree()...)
		write(t, s, granting(organization, "grant_a", "user:u", "App:View"))
		for object, parent := range map[string]string{
			"resource:acme/flow/42":      organization,
			"resource:acme/prod/flow/42": workspace,
		} {
			expectHeld(t, s, object, "user:u", "App:View", false)
			write(t, s, plain(object, "parent", parent))
			expectHeld(t, s, object, "user:u", "App:View", true)
		}
	},
	"WhereAnObjectLiesMayBeAskedWith": func(t *testing.T, s store.Store) {
		write(t, s, tree()[:2]...)
		write(t, s, granting(organization, "grant_a", "user:u", "App:View"))
		asked := question(resource, "user:u", "App:View")
		asked.Parent = project
		for range 2 {
			expectHeld(t, s, resource, "user:u", "App:View", false)
			if !answer(t, s, asked) {
				t.Error("what is held above is not held at an object that says where it lies")
			}
		}
		expectNotThere(t, s, key(resource, "parent", project))
		write(t, s, plain(resource, "parent", project))
		if !answer(t, s, asked) {
			t.Error("what the store knows already makes another answer")
		}
		asked.Permission = "App:Other"
		if answer(t, s, asked) {
			t.Error("saying where an object lies gives what nobody gave")
		}
	},
	"ARoleIsHeldThroughEverySlotByUsersAndGroups": func(t *testing.T, s store.Store) {
		const binding = "binding:organization/acme/viewer"
		write(t, s,
			plain(binding, "assignee", "user:alice"),
			plain(binding, "assignee", "group:acme/devs#member"),
			plain("group:acme/devs", "member", "user:bob"))
		write(t, s, tree()...)
		for _, slot := range []string{"slot_0", "slot_1", "slot_2", "slot_3", "slot_4", "slot_5", "slot_6", "slot_7"} {
			role := granting(organization, "role", binding+"#"+slot, "App:"+slot)
			write(t, s, role)
			for _, user := range []string{"user:alice", "user:bob"} {
				expectHeld(t, s, resource, user, "App:"+slot, true)
				expectHeld(t, s, resource, user, "App:Other", false)
			}
			expectHeld(t, s, resource, "user:carol", "App:"+slot, false)
			remove(t, s, role.Key)
			expectHeld(t, s, resource, "user:alice", "App:"+slot, false)
		}
	},
	"AGrantIsHeldThroughBothRelationsByUsersAndGroups": func(t *testing.T, s store.Store) {
		write(t, s, plain("group:acme/devs", "member", "user:bob"))
		for _, relation := range []string{"grant_a", "grant_b"} {
			write(t, s,
				granting(organization, relation, "user:alice", "App:"+relation),
				granting(organization, relation, "group:acme/devs#member", "App:"+relation))
			for _, user := range []string{"user:alice", "user:bob"} {
				expectHeld(t, s, organization, user, "App:"+relation, true)
			}
			expectHeld(t, s, organization, "user:carol", "App:"+relation, false)
		}
	},
	"WhatOneTupleDoesNotGiveAnotherMay": func(t *testing.T, s store.Store) {
		write(t, s, tree()...)
		write(t, s,
			granting(resource, "grant_a", "user:u", "App:A"),
			granting(resource, "grant_b", "user:u", "App:B"),
			ruled(project, "grant_a", "user:u", "App:C", rule{until: now}),
			granting(workspace, "grant_a", "user:u", "App:C"))
		for permission, want := range map[string]bool{"App:A": true, "App:B": true, "App:C": true, "App:D": false} {
			expectHeld(t, s, resource, "user:u", permission, want)
		}
	},
	"WhatNobodyNamedIsNobodysAndNoError": func(t *testing.T, s store.Store) {
		for _, place := range places {
			expectHeld(t, s, place, "user:u", "App:View", false)
		}
	},
	"WhatTheModelDoesNotHaveIsRefused": func(t *testing.T, s store.Store) {
		for _, asked := range []store.Key{
			key("galaxy:acme", "can", "user:u"),
			key(organization, "could", "user:u"),
			key(organization, "can", "robot:u"),
			key("acme", "can", "user:u"),
		} {
			_, err := s.Check(t.Context(), store.Question{Key: asked, Permission: "App:View", Time: now})
			expectRefused(t, err)
		}
	},
}
