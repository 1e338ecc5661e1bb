package release

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"
)

// workflow is what the tests look at in a file of .github/workflows.
type workflow struct {
	Permissions map[string]string
	Jobs        map[string]struct {
		Uses        string
		Permissions map[string]string
		Steps       []struct {
			Uses, Run string
			With      map[string]any
		}
	}
}

func workflows(g Gomega) map[string]workflow {
	paths, err := filepath.Glob(root + "/.github/workflows/*")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(paths).NotTo(BeEmpty())
	found := map[string]workflow{}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		g.Expect(err).NotTo(HaveOccurred())
		var parsed workflow
		g.Expect(yaml.Unmarshal(content, &parsed)).To(Succeed())
		found[filepath.Base(path)] = parsed
	}
	return found
}

func TestAJobMayDoWhatItNeedsAndNoMore(t *testing.T) {
	g := NewWithT(t)
	may := map[string]map[string]string{}
	for file, w := range workflows(g) {
		g.Expect(w.Permissions).NotTo(BeNil(), "%s: what a job does not ask for, it would have by default", file)
		g.Expect(w.Permissions).To(BeEmpty(), file)
		for name, job := range w.Jobs {
			may[file+" "+name] = job.Permissions
		}
	}
	g.Expect(may).To(Equal(map[string]map[string]string{
		"ci.yaml ci":           {"contents": "read"},
		"release.yaml ci":      {"contents": "read"},
		"release.yaml image":   {"contents": "read", "packages": "write", "id-token": "write", "attestations": "write"},
		"release.yaml chart":   {"contents": "read", "packages": "write", "id-token": "write"},
		"release.yaml release": {"contents": "write"},

		"scheduled.yaml oldest":          {"contents": "read"},
		"scheduled.yaml vulnerabilities": {"contents": "read"},
	}))
}

func TestActionsArePinnedAndScriptsTakeNothingFromEvents(t *testing.T) {
	g := NewWithT(t)
	pinned := regexp.MustCompile(`^[a-z]+/[a-z-]+@[0-9a-f]{40}$`)
	g.Expect("actions/checkout@v4.2.2").NotTo(MatchRegexp(pinned.String()))
	for file, w := range workflows(g) {
		for name, job := range w.Jobs {
			if job.Uses != "" {
				g.Expect(job.Uses).To(HavePrefix("./.github/workflows/"))
				g.Expect(filepath.Join(root, job.Uses)).To(BeARegularFile())
			}
			for _, step := range job.Steps {
				if step.Uses != "" {
					g.Expect(step.Uses).To(MatchRegexp(pinned.String()), "%s, %s", file, name)
				}
				// An expression is put into a script as it is: the name of a branch would be run.
				g.Expect(step.Run).NotTo(ContainSubstring("${{"), "%s, %s", file, name)
				if strings.HasPrefix(step.Uses, "actions/checkout@") {
					g.Expect(step.With).To(HaveKeyWithValue("persist-credentials", false), "%s, %s", file, name)
				}
			}
		}
	}
}

func TestTheWorkflowsRunWhatIsThere(t *testing.T) {
	g := NewWithT(t)
	makefile, err := os.ReadFile(root + "/Makefile")
	g.Expect(err).NotTo(HaveOccurred())
	var called []string
	for _, w := range workflows(g) {
		for _, job := range w.Jobs {
			for _, step := range job.Steps {
				for _, target := range regexp.MustCompile(`\bmake ([a-z-]+)`).FindAllStringSubmatch(step.Run, -1) {
					called = append(called, "make "+target[1])
					g.Expect(string(makefile)).To(MatchRegexp(`(?m)^` + target[1] + `:`))
				}
				if strings.HasPrefix(step.Run, ".") {
					called = append(called, step.Run)
					g.Expect(filepath.Join(root, step.Run)).To(BeARegularFile())
				}
			}
		}
	}
	g.Expect(called).To(ConsistOf(".ci/run", "make dist", "make test-oldest", "make vulnerabilities"))
}

func TestTheReleaseGivesTheImageItsVersionAndCommit(t *testing.T) {
	g := NewWithT(t)
	var given []string
	for _, step := range workflows(g)["release.yaml"].Jobs["image"].Steps {
		if arguments, ok := step.With["build-args"].(string); ok {
			for line := range strings.Lines(arguments) {
				name, _, _ := strings.Cut(line, "=")
				given = append(given, name+"=unknown")
			}
		}
	}
	g.Expect(all(stages(g)[0], "ARG")).To(ConsistOf(append(given, "TARGETOS", "TARGETARCH")))
	g.Expect(slices.Sorted(maps.Keys(workflows(g)))).To(Equal([]string{"ci.yaml", "release.yaml", "scheduled.yaml"}))
}
