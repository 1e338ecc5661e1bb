package main

import (
	"strings"
	"testing"
)

const repository = "../.."

func TestEveryReasonOfTheAPIHasARemedyOnThePageOfAKind(t *testing.T) {
	pages, err := generate(repository)
	if err != nil {
		t.Fatal(err)
	}
	reasons, err := readReasons(repository + "/api/v1alpha1/status.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, reason := range reasons {
		_, section, _ := strings.Cut(pages["reasons.md"], "\n## "+reason.name+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		if !strings.Contains(section, "](../kinds/") {
			t.Errorf("%s: no page is named:\n%s", reason.name, section)
		}
	}
}

func TestAReasonWithoutARemedyIsAnError(t *testing.T) {
	known := []reason{{name: "Known"}}
	for _, wrong := range []struct{ text, complaint string }{
		{"| reason | meaning | what to do |\n|---|---|---|\n| `Other` | x | y |\n", "what to do about the reason Known"},
		{"| reason | meaning | what to do |\n|---|---|---|\n| `Known` | x |  |\n", "does not say what to do about the reason Known"},
		{"| reason | meaning | what to do |\n|---|---|---|\n| `Known` | x | y |\n| `Other` | x | y |\n", "a reason Other, which the API does not have"},
		{"| field | meaning | what to do |\n|---|---|---|\n| `Known` | x | y |\n", "what to do about the reason Known"},
	} {
		err := compare(known, readRemedies("Role", wrong.text))
		if err == nil || !strings.Contains(err.Error(), wrong.complaint) {
			t.Errorf("%q: got %v, want %q", wrong.text, err, wrong.complaint)
		}
	}
	right := "| reason | Ready | meaning | what to do |\n|---|---|---|---|\n| `Known` | False, Stalled | x | See [there](#status) and [here](user.md#fields). |\n"
	remedies := readRemedies("Role", right)
	if err := compare(known, remedies); err != nil {
		t.Error(err)
	}
	want := remedy{kind: "Role", ready: "False, Stalled", meaning: "x", act: "See [there](../kinds/role.md#status) and [here](../kinds/user.md#fields)."}
	if got := remedies["Known"]; len(got) != 1 || got[0] != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestThePageOfAKindSaysWhatTheAPIServerEnforces(t *testing.T) {
	pages, err := generate(repository)
	if err != nil {
		t.Fatal(err)
	}
	for page, lines := range map[string][]string{
		"temporarypermissiongrant.md": {
			"| `spec.user` | string | 1 to 63 characters; can't be changed | required |",
			// By a rule of the whole spec, since it may be left out.
			"| `spec.startsAt` | time | can't be changed |  |",
			"| `spec.expiresAt` | time |  |  |",
			"| `spec.permissionGrant.conditions.*.type` | string | `Equals`, `NotEquals`, `In`, `LessThan`, `LessThanOrEqual`, `GreaterThan`, `GreaterThanOrEqual` | required |",
			"| `spec.startsAt` | update | can't be set, changed or removed later",
			"| `spec` | always | set exactly one of duration and expiresAt |",
			"| `spec.tags.*` | always |",
			"| `status.inForce` | boolean |  | `false` |",
		},
		"role.md": {
			"| `metadata` | always | metadata.name must have at most 63 characters: choose a shorter name |",
			"| `spec.permissionGrants` | list of object | up to 1000 entries |",
			"| `spec.inherits` | list of string | up to 32 entries; each once; each 1 to 63 characters |",
		},
		"organization.md": {"| is in | the cluster, in no namespace |"},
	} {
		for _, line := range lines {
			if !strings.Contains(pages[page], line) {
				t.Errorf("%s has no line %s", page, line)
			}
		}
	}
}
