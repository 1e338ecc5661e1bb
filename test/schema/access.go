package schema

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
)

// What an AccessPolicy, an AccessRequest and an AccessDecision need. A request and a decision that the schema takes are also
// judged by the webhook, so none of these rows is for a real API server by itself: test/integration asks in organizations.
const (
	policyOffers  = "roles: [editor]\nscopes: [{}]\nmaxDuration: PT4H\n"
	policyAsks    = "requesters: {users: [carol]}\n"
	requestNeeds  = "requester: carol\nduration: PT2H\njustification: Mends what is broken.\n"
	requestsRole  = "roleRef: {name: editor}\n"
	decisionAbout = "requestRef: {name: r, uid: 0b6e0b1c}\ndecider: alice\n"
)

func init() { rows((*suite).access) }

func (s *suite) access() {
	Describe("The schema of AccessPolicy", func() {
		policy := func(spec string) error { return s.server.Try(Manifest("AccessPolicy", "p", spec)) }
		s.objectName("AccessPolicy", policyAsks+policyOffers)
		s.table("requesters", func(spec string) error { return policy(policyOffers + spec) },
			row("[R1] takes a user", "requesters: {users: [carol]}", BeAccepted()).onBoth(),
			row("[R1] takes a group", "requesters: {groups: [crew]}", BeAccepted()),
			row("[R1] takes 100 of each", "requesters: {users: "+list(100, "u%d")+", groups: "+list(100, "g%d")+"}", BeAccepted()),
			row("[R1] refuses 101", "requesters: {users: "+list(101, "u%d")+"}", BeRefusedAt("spec.requesters.users", "must have at most 100 items")),
			row("[R1] refuses none", "requesters: {}", BeRefusedAt("spec.requesters", "name at least one User or Group")).onBoth(),
			row("[R1] refuses empty lists", "requesters: {users: [], groups: []}", BeRefusedAt("spec.requesters", "name at least one User or Group")),
			row("[R1] refuses a missing field", "", BeRefusedAt("spec.requesters", "Required value")),
			row("refuses a name twice", "requesters: {users: [carol, carol]}", BeRefusedAt("spec.requesters.users[1]", "Duplicate value")),
			row("refuses what can't be a User", "requesters: {users: [Carol]}", BeRefusedAt("spec.requesters.users[0]", "must be the name of a User")),
			row("refuses what can't be a Group", "requesters: {groups: ['*']}", BeRefusedAt("spec.requesters.groups[0]", "must be the name of a Group")),
		)
		s.table("what is offered", func(spec string) error { return policy(policyAsks + spec) },
			row("takes permissions", "permissions: [{permission: edit}]\nscopes: [{}]\nmaxDuration: PT4H", BeAccepted()),
			row("refuses nothing", "scopes: [{}]\nmaxDuration: PT4H", BeRefusedAt("spec", "offer something: name at least one entry in roles or permissions")),
			row("refuses 51 roles", "roles: "+list(51, "r%d")+"\nscopes: [{}]\nmaxDuration: PT4H", BeRefusedAt("spec.roles", "must have at most 50 items")),
			row("refuses what can't be a Role", "roles: [Editor]\nscopes: [{}]\nmaxDuration: PT4H", BeRefusedAt("spec.roles[0]", "must be the name of a Role")),
			row("takes scopes", "roles: [editor]\nscopes: [{workspace: prod}, {workspace: prod, project: vision}]\nmaxDuration: PT4H", BeAccepted()),
			row("refuses no scope", "roles: [editor]\nmaxDuration: PT4H", BeRefusedAt("spec.scopes", "Required value")),
			row("refuses an empty list of scopes", "roles: [editor]\nscopes: []\nmaxDuration: PT4H", BeRefusedAt("spec.scopes", "at least 1 items")),
			row("refuses a null in a scope", "roles: [editor]\nscopes: [{workspace: null}]\nmaxDuration: PT4H",
				BeRefusedAt("spec.scopes[0]", "workspace, project and resource can't be null")),
			row("refuses 51 scopes", "roles: [editor]\nscopes: "+list(51, "{workspace: w%d}")+"\nmaxDuration: PT4H", BeRefusedAt("spec.scopes", "must have at most 50 items")),
			row("refuses no longest duration", "roles: [editor]\nscopes: [{}]", BeRefusedAt("spec.maxDuration", "Required value")),
		)
		s.table("who decides", func(spec string) error { return policy(policyAsks + policyOffers + spec) },
			row("[R2] takes users and groups", "approvals: {count: 2, from: {users: [alice], groups: [crew]}, within: P1D}", BeAccepted()),
			row("[R2] takes nobody, who is not asked", "", BeAccepted()),
			row("[R2] refuses a null, which would ask nobody", "approvals: null", BeRefusedAt("spec.approvals", "approvals can't be null: say who decides")).onBoth(),
			row("[R2] refuses no deciders", "approvals: {count: 1}", BeRefusedAt("spec.approvals.from", "Required value")),
			row("[R2] refuses an empty list of them", "approvals: {from: {}}", BeRefusedAt("spec.approvals.from", "name at least one User or Group")),
			row("refuses none to approve", "approvals: {count: 0, from: {users: [alice]}}", BeRefusedAt("spec.approvals.count", "should be greater than or equal to 1")),
			row("refuses 11 to approve", "approvals: {count: 11, from: {users: [alice]}}", BeRefusedAt("spec.approvals.count", "should be less than or equal to 10")),
			row("takes tags that are required", "requiredTags: [ticket, on call]", BeAccepted()),
			row("refuses an empty list of tags", "requiredTags: []", BeRefusedAt("spec.requiredTags", "at least 1 items")),
			row("refuses a null for tags", "requiredTags: null", BeRefusedAt("spec.requiredTags", "requiredTags can't be null")),
			row("refuses a tag with '='", "requiredTags: ['a=b']", BeRefusedAt("spec.requiredTags[0]", "a tag's key has 1 to 63 ASCII letters")),
			row("refuses an unknown field", "approval: {}", BeRefusedAsUnknown("spec.approval")),
		)
		s.duration("spec.maxDuration", "", func(duration string) error {
			return policy(policyAsks + fmt.Sprintf("roles: [editor]\nscopes: [{}]\nmaxDuration: %q\n", duration))
		})
	})

	Describe("The schema of AccessRequest", func() {
		request := func(spec string) error { return s.server.Try(Manifest("AccessRequest", "r", spec)) }
		s.objectName("AccessRequest", requestNeeds+requestsRole)
		s.table("what is asked for", func(spec string) error { return request(requestNeeds + spec) },
			row("[R1] takes a role", "roleRef: {name: editor}", BeAccepted()),
			row("[R1] takes a permission", "permissionGrant: {permission: edit}", BeAccepted()),
			row("[R1] refuses both", "roleRef: {name: editor}\npermissionGrant: {permission: edit}", BeRefusedAt("spec", "set exactly one of roleRef and permissionGrant")).onBoth(),
			row("[R1] refuses neither", "scope: {}", BeRefusedAt("spec", "set exactly one of roleRef and permissionGrant")),
			row("refuses a null for the scope", "roleRef: {name: editor}\nscope: null", BeRefusedAt("spec.scope", "scope can't be null")),
			row("refuses a role on all objects of a type", "roleRef: {name: editor}\nscope: {resource: {type: App}}", BeRefusedAt("spec.scope.resource.id", "a role is assigned at one object")),
			row("takes a permission on all objects of a type", "permissionGrant: {permission: edit}\nscope: {resource: {type: App}}", BeAccepted()),
			row("takes a policy", "roleRef: {name: editor}\npolicy: p", BeAccepted()),
			row("refuses what can't be a policy", "roleRef: {name: editor}\npolicy: P", BeRefusedAt("spec.policy", "must be the name of an AccessPolicy")),
			row("takes tags", "roleRef: {name: editor}\ntags: {ticket: INC 4711}", BeAccepted()),
			row("refuses a tag with ':'", "roleRef: {name: editor}\ntags: {'a:b': c}", BeRefusedAt("spec.tags", "a tag's key has 1 to 63 ASCII letters")),
		)
		s.table("the rest of it", func(spec string) error { return request(requestsRole + spec) },
			row("[R1] refuses no requester", "duration: PT2H\njustification: Mends what is broken.", BeRefusedAt("spec.requester", "Required value")),
			row("refuses a short justification", "requester: carol\nduration: PT2H\njustification: '  short   '", BeRefusedAt("spec.justification", "must have at least 10 characters")),
			row("refuses no duration", "requester: carol\njustification: Mends what is broken.", BeRefusedAt("spec.duration", "Required value")),
		)
		s.duration("spec.duration", "", func(duration string) error {
			return request(requestsRole + fmt.Sprintf("requester: carol\njustification: Mends what is broken.\nduration: %q\n", duration))
		})
		before := requestNeeds + requestsRole + "scope: {workspace: prod}\ntags: {ticket: INC 1}\n"
		s.edits("an edit of a request", func(before, after string) error {
			object := Manifest("AccessRequest", "r", before)
			object.SetNamespace(s.server.NewNamespace())
			return s.server.Replace(object, "AccessRequest", after)
		},
			edit("[R4] that withdraws it is taken", before, before+"withdrawn: true", BeAccepted()),
			edit("[R4] that takes the withdrawal back is refused", before+"withdrawn: true", before, BeRefusedAt("spec.withdrawn", "can't be taken back: make another request")),
			edit("[R1] of the requester is refused", before, "requester: bob\nduration: PT2H\njustification: Mends what is broken.\nroleRef: {name: editor}\nscope: {workspace: prod}\ntags: {ticket: INC 1}\n",
				BeRefusedAt("spec.requester", "can't be changed: withdraw this request")),
			edit("[R1] of the role is refused", before, requestNeeds+"roleRef: {name: admin}\nscope: {workspace: prod}\ntags: {ticket: INC 1}", BeRefusedAt("spec.roleRef", "can't be set, changed or removed later")),
			edit("[R1] to a permission is refused", before, requestNeeds+"permissionGrant: {permission: edit}\nscope: {workspace: prod}\ntags: {ticket: INC 1}", BeRefusedAt("spec.roleRef", "can't be set, changed or removed later")),
			edit("[R1] of the scope is refused", before, requestNeeds+requestsRole+"tags: {ticket: INC 1}", BeRefusedAt("spec.scope", "can't be set, changed or removed later")),
			edit("of the tags is refused", before, requestNeeds+requestsRole+"scope: {workspace: prod}\ntags: {ticket: INC 2}", BeRefusedAt("spec.tags", "can't be set, changed or removed later")),
			edit("that names a policy later is refused", before, before+"policy: p", BeRefusedAt("spec.policy", "can't be set, changed or removed later")),
			edit("[R1] of the duration is refused", before, "requester: carol\nduration: PT9H\njustification: Mends what is broken.\nroleRef: {name: editor}\nscope: {workspace: prod}\ntags: {ticket: INC 1}\n",
				BeRefusedAt("spec.duration", "can't be changed: withdraw this request")),
		)
	})

	Describe("The schema of AccessDecision", func() {
		decision := func(spec string) error { return s.server.Try(Manifest("AccessDecision", "d", spec)) }
		s.table("fields", decision,
			row("[R2] takes an approval", decisionAbout+"verdict: Approve", BeAccepted()),
			row("[R2] takes a denial with a comment", decisionAbout+"verdict: Deny\ncomment: Not now.", BeAccepted()),
			row("[R2] refuses another verdict", decisionAbout+"verdict: Maybe", BeRefusedAt("spec.verdict", "supported values")),
			row("[R2] refuses no UID", "requestRef: {name: r}\ndecider: alice\nverdict: Approve", BeRefusedAt("spec.requestRef.uid", "Required value")).onBoth(),
			row("[R2] refuses no decider", "requestRef: {name: r, uid: u}\nverdict: Approve", BeRefusedAt("spec.decider", "Required value")),
			row("refuses a long comment", decisionAbout+"verdict: Deny\ncomment: "+letters(1025), BeRefusedAt("spec.comment", "may not be more than 1024")),
		)
		s.edits("an edit of a decision", func(before, after string) error {
			object := Manifest("AccessDecision", "d", before)
			object.SetNamespace(s.server.NewNamespace())
			return s.server.Replace(object, "AccessDecision", after)
		},
			edit("[R2] that leaves it is taken", decisionAbout+"verdict: Deny", decisionAbout+"verdict: Deny", BeAccepted()),
			edit("[R2] of anything is refused", decisionAbout+"verdict: Deny", decisionAbout+"verdict: Approve", BeRefusedAt("spec", "can't be changed: delete this AccessDecision")),
		)
	})

	Describe("What is made for a request", func() {
		const of = "accessRequest: {name: r, uid: u}\n"
		s.edits("says for which", func(before, after string) error {
			object := Manifest("RoleAssignment", "a", "roleRef: {name: editor}\nsubject: {user: carol}\n"+before)
			object.SetNamespace(s.server.NewNamespace())
			return s.server.Replace(object, "RoleAssignment", "roleRef: {name: editor}\nsubject: {user: carol}\n"+after)
		},
			edit("[R4] and keeps saying so", of, of, BeAccepted()),
			edit("[R4] and can't stop to", of, "", BeRefusedAt("spec.accessRequest", "can't be set, changed or removed later")),
			edit("[R4] and can't begin to", "", of, BeRefusedAt("spec.accessRequest", "can't be set, changed or removed later")),
			edit("[R4] and can't name another", of, "accessRequest: {name: r, uid: v}", BeRefusedAt("spec.accessRequest", "can't be set, changed or removed later")),
		)
	})
}
