// Package release tests what a release is made with, where neither a container engine nor a registry is: that
// the Dockerfile compiles what it should, that the image is what the manifests take it for, and what the
// workflows may do.
package release

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"
)

const (
	root       = "../.."
	deployment = root + "/config/manager/deployment.yaml"
)

// instruction is one of a Dockerfile, in upper case, and what follows it.
type instruction struct{ name, rest string }

// stages are the instructions from each FROM to the next.
func stages(g Gomega) [][]instruction {
	content, err := os.ReadFile(root + "/Dockerfile")
	g.Expect(err).NotTo(HaveOccurred())
	var stages [][]instruction
	for line := range strings.Lines(strings.ReplaceAll(string(content), "\\\n", " ")) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "" || strings.HasPrefix(name, "#") {
			continue
		}
		if name == "FROM" {
			stages = append(stages, nil)
		}
		last := len(stages) - 1
		stages[last] = append(stages[last], instruction{name, strings.TrimSpace(rest)})
	}
	g.Expect(stages).To(HaveLen(2))
	return stages
}

// all returns what follows the instructions of this name.
func all(stage []instruction, name string) []string {
	var found []string
	for _, i := range stage {
		if i.name == name {
			found = append(found, i.rest)
		}
	}
	return found
}

func TestWhatTheDockerfileCompilesIsStaticKnowsItsVersionAndComesOutTheSameAgain(t *testing.T) {
	g := NewWithT(t)
	once, again := build(t, g), build(t, g)

	output, err := exec.CommandContext(t.Context(), once, "--version").Output()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(output)).To(Equal("bailiwick v1.2.3 (0123456789abcdef)\n"))

	g.Expect(needsLibraries(g, once)).To(BeFalse())
	shell, err := exec.LookPath("bash")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(needsLibraries(g, shell)).To(BeTrue(), "else the question is asked in a wrong way")

	first, err := os.ReadFile(once)
	g.Expect(err).NotTo(HaveOccurred())
	second, err := os.ReadFile(again)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(sha256.Sum256(second)).To(Equal(sha256.Sum256(first)))
	g.Expect(strings.Contains(string(first), filepath.Dir(once))).To(BeFalse(), "it names where it was built")
}

// build does what the first stage does in a directory that holds what it copies and nothing else, and
// returns the program's path.
func build(t *testing.T, g Gomega) string {
	t.Helper()
	stage := stages(g)[0]
	directory := t.TempDir()
	for _, copied := range all(stage, "COPY") {
		words := strings.Fields(copied)
		for _, source := range words[:len(words)-1] {
			into := filepath.Join(directory, words[len(words)-1])
			if info, err := os.Stat(filepath.Join(root, source)); err == nil && info.IsDir() {
				g.Expect(os.CopyFS(into, os.DirFS(filepath.Join(root, source)))).To(Succeed())
				continue
			}
			content, err := os.ReadFile(filepath.Join(root, source))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(os.WriteFile(filepath.Join(into, source), content, 0o600)).To(Succeed())
		}
	}
	runs := all(stage, "RUN")
	g.Expect(runs).To(HaveLen(2))
	g.Expect(runs[0]).To(Equal("go mod download"))
	g.Expect(runs[1]).To(ContainSubstring(" -o /bailiwick "))
	program := filepath.Join(directory, "bailiwick")
	command := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(runs[1], " -o /bailiwick ", " -o "+program+" ", 1))
	command.Dir = directory
	command.Env = append(os.Environ(), "TARGETOS="+runtime.GOOS, "TARGETARCH="+runtime.GOARCH, "VERSION=v1.2.3", "COMMIT=0123456789abcdef")
	output, err := command.CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred(), string(output))
	return program
}

// needsLibraries says whether a program is loaded with the help of others.
func needsLibraries(g Gomega, path string) bool {
	program, err := elf.Open(path)
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { g.Expect(program.Close()).To(Succeed()) }()
	libraries, err := program.ImportedLibraries()
	g.Expect(err).NotTo(HaveOccurred())
	interpreted := slices.ContainsFunc(program.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
	return interpreted || len(libraries) > 0
}

func TestWhatTheDockerfileCopiesIsNotIgnored(t *testing.T) {
	g := NewWithT(t)
	content, err := os.ReadFile(root + "/.dockerignore")
	g.Expect(err).NotTo(HaveOccurred())
	var let []string
	for line := range strings.Lines(string(content)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "!"); ok {
			let = append(let, name)
		}
	}
	g.Expect(strings.Split(string(content), "\n")).To(ContainElement("*"))
	var copied []string
	for _, c := range all(stages(g)[0], "COPY") {
		words := strings.Fields(c)
		copied = append(copied, words[:len(words)-1]...)
	}
	g.Expect(copied).To(ConsistOf(let))
}

func TestTheImageIsWhatTheManifestsTakeItFor(t *testing.T) {
	g := NewWithT(t)
	stage := stages(g)[1]
	g.Expect(all(stage, "FROM")).To(Equal([]string{"scratch"}))
	g.Expect(all(stage, "COPY")).To(ContainElement("--from=build /bailiwick /bailiwick"))
	for _, forbidden := range []string{"RUN", "ADD", "CMD", "VOLUME"} {
		g.Expect(all(stage, forbidden)).To(BeEmpty())
	}

	content, err := os.ReadFile(deployment)
	g.Expect(err).NotTo(HaveOccurred())
	var manifest appsv1.Deployment
	g.Expect(yaml.UnmarshalStrict(content, &manifest)).To(Succeed())
	pod := manifest.Spec.Template.Spec
	// The API server lets an image run as other than root only if it can see so from a number.
	user, err := json.Marshal(pod.SecurityContext.RunAsUser)
	g.Expect(err).NotTo(HaveOccurred())
	group, err := json.Marshal(pod.SecurityContext.RunAsGroup)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(all(stage, "USER")).To(Equal([]string{string(user) + ":" + string(group)}))
	g.Expect(*pod.SecurityContext.RunAsUser).NotTo(BeZero())
	g.Expect(all(stage, "ENTRYPOINT")).To(Equal([]string{`["/bailiwick"]`}))
	g.Expect(pod.Containers[0].Command).To(BeEmpty(), "the entry point is the image's")
}

func TestTheImageIsBuiltWithTheGoOfTheModule(t *testing.T) {
	g := NewWithT(t)
	content, err := os.ReadFile(root + "/go.mod")
	g.Expect(err).NotTo(HaveOccurred())
	var minor string
	for line := range strings.Lines(string(content)) {
		if version, ok := strings.CutPrefix(line, "go "); ok {
			minor = strings.Join(strings.Split(strings.TrimSpace(version), ".")[:2], ".")
		}
	}
	g.Expect(all(stages(g)[0], "FROM")).To(Equal([]string{"--platform=$BUILDPLATFORM golang:" + minor + " AS build"}))
}
