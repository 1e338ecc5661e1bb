package main

import (
	"context"

	"github.com/bailiwick-dev/bailiwick/hack/stage"
)

// step is one thing to see: what happens and why, in words, and then it happens.
type step struct {
	title string
	words string
	show  func(context.Context, *theatre) error
}

// The people and places of config/samples, as applications know them.
const (
	alice     = "alice@acme.example"
	bob       = "bob@acme.example"
	carol     = "carol@acme.example"
	deployBot = "deploy-bot"

	vision   = "project:acme/prod/vision"
	speech   = "project:acme/prod/speech"
	grasping = "project:acme/research/grasping"
)

var steps = []step{
	{
		title: "A company declares who may do what",
		words: `The files in config/samples describe Acme Robotics: its workspaces and projects, its people, the
			roles, and who has which role where. They are Kubernetes resources, so they can live in git and be
			reviewed like code. Their order doesn't matter.`,
		show: func(ctx context.Context, s *theatre) error {
			return s.showSamples(ctx)
		},
	},
	{
		title: "The operator says what is in force",
		words: `It has checked each declaration and brought the authorization store in line. Ready says that the
			declaration is valid and the store agrees; "In force", that it gives access now.`,
		show: func(ctx context.Context, s *theatre) error {
			return s.showKubectl(ctx, "get", "authz", "-A")
		},
	},
	{
		title: "An application asks",
		words: `Applications don't ask Kubernetes. They ask the operator, in AuthZEN, of which more below, or the store, over
			OpenFGA's own API: may this user use this permission on this object? The object's name is its path, so the
			application says where it lives. A permission that is held at a scope holds at everything below it, and
			nowhere else. This is the first question to the store as it can be typed; those that follow are shortened.`,
		show: func(ctx context.Context, s *theatre) error {
			first := question{
				words:   "May Bob see the apps of the project vision?",
				subject: bob, permission: "App:View", object: vision,
				allowed: true, because: "he is editor there.",
			}
			if err := s.showRequest(first); err != nil {
				return err
			}
			return s.ask(ctx, first,
				question{
					words:   "And those of the project speech, next to it?",
					subject: bob, permission: "App:View", object: speech,
					allowed: false, because: "he has no role there, nor above it.",
				},
				question{
					words:   "May Carol see them?",
					subject: carol, permission: "App:View", object: speech,
					allowed: true, because: "she is viewer of the workspace prod, and speech is in it.",
				},
				question{
					words:   "May Alice delete apps in the project grasping?",
					subject: alice, permission: "App:Delete", object: grasping,
					allowed: true, because: "she is administrator of the whole organization.",
				},
			)
		},
	},
	{
		title: "Conditions look at the request",
		words: `The role editor gives App:Deploy for development and staging only, and for at most 3 replicas. The
			application passes what it is about to do as attributes. An attribute that is missing, or has another
			type than declared, never meets a condition.`,
		show: func(ctx context.Context, s *theatre) error {
			deploy := func(words string, allowed bool, because string, attributes map[string]any) question {
				return question{
					words: words, subject: bob, permission: "App:Deploy", object: vision,
					attributes: attributes, allowed: allowed, because: because,
				}
			}
			return s.ask(ctx,
				deploy("May Bob deploy to staging, with 2 replicas?", true, "both conditions are met.",
					map[string]any{"environment": "staging", "replicas": 2}),
				deploy("With 20 replicas?", false, "20 is more than 3.",
					map[string]any{"environment": "staging", "replicas": 20}),
				deploy(`With the text "2" for the number of replicas?`, false, "a text is not a number.",
					map[string]any{"environment": "staging", "replicas": "2"}),
				deploy("Without saying how many?", false, "what isn't said can't meet a condition.",
					map[string]any{"environment": "staging"}),
				deploy("To production?", false, "the role doesn't list it.",
					map[string]any{"environment": "production", "replicas": 2}),
				question{
					words:   "May the deploy bot?",
					subject: deployBot, permission: "App:Deploy", object: vision,
					attributes: map[string]any{"environment": "production", "replicas": 2},
					allowed:    true, because: "its role deployer is for just that.",
				},
			)
		},
	},
	{
		title: "One object is shared",
		words: `Carol has no role in the project grasping, but its data set 42 was shared with her, for anonymized
			records. To share an object is to assign a role at it.`,
		show: func(ctx context.Context, s *theatre) error {
			anonymized := map[string]any{"anonymized": true}
			return s.ask(ctx,
				question{
					words:   "May Carol read anonymized records of the data set 42?",
					subject: carol, permission: "Dataset:Read", object: "resource:acme/research/grasping/Dataset/42",
					attributes: anonymized, allowed: true, because: "it was shared with her.",
				},
				question{
					words:   "And of all data sets of the project?",
					subject: carol, permission: "Dataset:Read", object: grasping,
					attributes: anonymized, allowed: false, because: "only the one was shared.",
				},
			)
		},
	},
	{
		title: "The same in AuthZEN",
		words: `AuthZEN is a standard for such questions, which other products know. Names are those of the
			resources, several questions can be in one request, and whoever asks shows a key. May Carol see the
			apps of the project speech, the app dictation in it, and those of the project grasping?`,
		show: showAuthZEN,
	},
	{
		title: "A mistake grants nothing, and says what to change",
		words: `This assignment names a project that the organization doesn't declare. It may yet come, so the
			resource is accepted, but nothing is granted, and its status says why.`,
		show: showMistake,
	},
	{
		title: "When the declaration is gone, the access is gone",
		words: `A RoleAssignment that is being deleted is held back until the store has confirmed that the access
			ended. So when kubectl returns, it has.`,
		show: func(ctx context.Context, s *theatre) error {
			if err := s.showKubectl(ctx, "delete", "roleassignment", "bob-editor-vision", "-n", "acme"); err != nil {
				return err
			}
			return s.ask(ctx, question{
				words:   "May Bob still see the apps of the project vision?",
				subject: bob, permission: "App:View", object: vision,
				allowed: false, because: "nothing gives it to him any more.",
			})
		},
	},
	{
		title: "A user is suspended, and comes back",
		words: `Suspending takes all access away, wherever it came from, and changes no other declaration. So the
			user has exactly the same again when it ends.`,
		show: showSuspension,
	},
	{
		title: "A grant ends by itself",
		words: `In an incident Bob gets a permission for ten seconds, with the reason for it. The deadline stands in
			the store, in the condition of the grant, and is part of every decision. So it is kept to the instant,
			also while the operator is down. What the operator does at the deadline is to tidy up, and to say so.`,
		show: showDeadline,
	},
}

// showSamples applies the samples and waits until the operator has worked on all of them.
func (s *theatre) showSamples(ctx context.Context) error {
	if err := s.showKubectl(ctx, "apply", "-k", samples); err != nil {
		return err
	}
	return s.waitForSamples(ctx)
}

func (s *theatre) applySamples(ctx context.Context) error {
	if err := s.kubectl(ctx, "apply", "-k", samples); err != nil {
		return err
	}
	return s.waitForSamples(ctx)
}

func (s *theatre) waitForSamples(ctx context.Context) error {
	return s.kubectl(ctx, "wait", "authz", "--all", "-A", "--for=condition=Ready", stage.WaitArgument)
}

func showMistake(ctx context.Context, s *theatre) error {
	const file, name = "hack/demo/mistake.yaml", "bob-editor-planning"
	if err := s.showKubectl(ctx, "create", "-f", file); err != nil {
		return err
	}
	if err := s.kubectl(ctx, "wait", "-f", file, "--for=condition=Ready=False", stage.WaitArgument); err != nil {
		return err
	}
	if err := s.showKubectl(ctx, "get", "roleassignment", name, "-n", "acme"); err != nil {
		return err
	}
	return s.showKubectl(ctx, "get", "roleassignment", name, "-n", "acme",
		"-o", `jsonpath={.status.conditions[?(@.type=="Ready")].message}`)
}

func showDeadline(ctx context.Context, s *theatre) error {
	const file, name = "hack/demo/incident.yaml", "bob-incident"
	if err := s.showKubectl(ctx, "create", "-f", file); err != nil {
		return err
	}
	if err := s.kubectl(ctx, "wait", "-f", file, "--for=condition=Ready", stage.WaitArgument); err != nil {
		return err
	}
	q := question{
		words:   "May Bob delete apps in the project speech?",
		subject: bob, permission: "App:Delete", object: speech,
		allowed: true, because: "until the deadline.",
	}
	if err := s.ask(ctx, q); err != nil {
		return err
	}
	if err := s.showKubectl(ctx, "get", "temporarypermissiongrant", name, "-n", "acme"); err != nil {
		return err
	}
	q.words, q.allowed, q.because = "The same again and again, until the answer is another one:", false, "the deadline has come."
	if err := s.askUntil(ctx, q); err != nil {
		return err
	}
	if err := s.kubectl(ctx, "wait", "-f", file, "--for=jsonpath={.status.phase}=Expired", stage.WaitArgument); err != nil {
		return err
	}
	return s.showKubectl(ctx, "get", "temporarypermissiongrant", name, "-n", "acme")
}

func showSuspension(ctx context.Context, s *theatre) error {
	suspend := func(suspended string) error {
		return s.showKubectl(ctx, "patch", "user", "carol", "-n", "acme", "--type=merge",
			"-p", `{"spec":{"suspended":`+suspended+`}}`)
	}
	q := question{
		words:   "May Carol see the apps of the project speech?",
		subject: carol, permission: "App:View", object: speech,
	}
	if err := suspend("true"); err != nil {
		return err
	}
	q.allowed, q.because = false, "she is suspended."
	if err := s.askUntil(ctx, q); err != nil {
		return err
	}
	if err := suspend("false"); err != nil {
		return err
	}
	q.allowed, q.because = true, "she is viewer of the workspace prod, as before."
	return s.askUntil(ctx, q)
}
