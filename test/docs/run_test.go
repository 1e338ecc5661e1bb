package docs

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"
)

// patience is how long a page, or the start of everything, may take at most.
const patience = 5 * time.Minute

// last is the page that stops the operator, and therefore comes after all others.
const last = "docs/tutorials/external-store.md"

// rows are the promises that a page shows by being run.
var rows = map[string]string{"docs/tutorials/first-organization.md": "[I4] "}

// TestWhatThePagesSayIsSo runs the blocks of every page in their order, in a shell that `make run` has been
// started for: commands must succeed and print what the page shows, and objects must be accepted and be
// Ready, or be what their block says instead.
func TestWhatThePagesSayIsSo(t *testing.T) {
	checkout := startRun(t)
	all := pages(t)
	paths := slices.Sorted(maps.Keys(all))
	paths = append(slices.DeleteFunc(paths, func(path string) bool { return path == last }), last)
	// The namespaces of other programs, which some pages deliver to.
	shell(t, checkout, "kubectl create namespace argocd && kubectl create namespace flux-system")
	for _, path := range paths {
		steps, err := stepsOf(all[path])
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if len(steps) == 0 {
			continue
		}
		t.Run(rows[path]+path, func(t *testing.T) {
			before := declared(t, checkout)
			perform(t, checkout, steps)
			if path == last {
				return
			}
			for line := range declared(t, checkout).SymmetricDifference(before) {
				t.Errorf("the page leaves behind, or has changed: %s", line)
			}
		})
	}
}

// startRun starts what `make run` starts, in a directory that looks like the top directory and has a .run of
// its own, and returns that directory.
func startRun(t *testing.T) string {
	t.Helper()
	directory, err := filepath.Abs(top)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	checkout := t.TempDir()
	for _, entry := range entries {
		if entry.Name() == ".run" || entry.Name() == ".git" {
			continue
		}
		if err := os.Symlink(filepath.Join(directory, entry.Name()), filepath.Join(checkout, entry.Name())); err != nil {
			t.Fatal(err)
		}
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	run := exec.Command(filepath.Join(checkout, "bin/demo"), "--stay")
	run.Dir, run.Stdout, run.Stderr = checkout, log, log
	if err := run.Start(); err != nil {
		t.Fatalf("%v\nis it built? `make bin/demo`", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- run.Wait() }()
	t.Cleanup(func() {
		_ = run.Process.Signal(os.Interrupt)
		if err := <-ended; err != nil {
			said, _ := os.ReadFile(log.Name())
			t.Errorf("make run did not end well: %v\n%s", err, said)
		}
		_ = log.Close()
	})

	deadline := time.After(patience)
	for tick := time.NewTicker(100 * time.Millisecond); ; {
		select {
		case err := <-ended:
			said, _ := os.ReadFile(log.Name())
			ended <- err
			t.Fatalf("make run has ended: %v\n%s", err, said)
		case <-deadline:
			t.Fatal("make run does not get ready")
		case <-tick.C:
		}
		if _, err := os.Stat(filepath.Join(checkout, ".run/env")); err == nil {
			tick.Stop()
			return checkout
		}
	}
}

// declared is everything that is declared: each object and its spec.
func declared(t *testing.T, checkout string) sets.Set[string] {
	t.Helper()
	output := shell(t, checkout, `kubectl get authz-all --all-namespaces -o jsonpath='{range .items[*]}{.kind} {.metadata.name} {.spec}{"\n"}{end}'`)
	// Going back to a revision writes down that there are no parents.
	return sets.New(strings.Split(strings.ReplaceAll(output, `"inherits":[],`, ""), "\n")...)
}

func shell(t *testing.T, checkout, command string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-c", ". .run/env && "+command)
	cmd.Dir = checkout
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, output)
	}
	return string(output)
}

// perform runs steps in one shell, so that each finds the variables and functions of those before it, and
// compares what each prints.
func perform(t *testing.T, checkout string, steps []step) {
	t.Helper()
	outputs := t.TempDir()
	script := []string{"set -euo pipefail", ". .run/env", "outputs='" + outputs + "'", prelude}
	for n, step := range steps {
		fail := "-e"
		if step.mayFail {
			fail = "+e"
		}
		script = append(script, fmt.Sprintf("exec >\"$outputs/%d\" 2>&1; set %s\n%s\nset -e; : >\"$outputs/%d.done\"", n, fail, step.command, n))
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", strings.Join(script, "\n"))
	cmd.Dir = checkout
	failure := cmd.Run()
	for n, step := range steps {
		output, err := os.ReadFile(filepath.Join(outputs, fmt.Sprint(n)))
		if err != nil {
			t.Fatalf("line %d: the shell ended before it: %v", step.line, failure)
		}
		if _, err := os.Stat(filepath.Join(outputs, fmt.Sprintf("%d.done", n))); err != nil {
			t.Fatalf("line %d: %v\n%s\n%s", step.line, failure, step.command, output)
		}
		if step.shown != nil && !matches(*step.shown, string(output)) {
			t.Errorf("line %d: %s\nthe page shows:\n%s\nit prints:\n%s", step.line, step.command, *step.shown, output)
		}
	}
	if failure != nil {
		said, _ := os.ReadFile(filepath.Join(outputs, "cleanup"))
		t.Errorf("tidying up: %v\n%s", failure, said)
	}
}

// prelude has what steps are made of that are not commands themselves. An object that is there already is
// the samples', and is left as it is; any other is made, and deleted when the page is through.
const prelude = `
accept() {
  if ! grep -q generateName: "$1" && kubectl get -f "$1" >/dev/null 2>&1; then
    kubectl apply --server-side --force-conflicts --validate=strict --dry-run=server -f "$1"
    return
  fi
  kubectl create --validate=strict -f "$1" -o name >"$outputs/created"
  cat "$outputs/created" >>"$outputs/all"
  [[ -z $2 ]] || kubectl wait $(cat "$outputs/created") --timeout=180s --for=jsonpath='{.status.conditions[?(@.type=="Ready")].'"${2%%=*}}=${2#*=}"
}
refuse() {
  if kubectl create --validate=strict --dry-run=server -f "$1"; then
    echo "it should have been refused"
    return 1
  fi
}
cleanup() {
  status=$?
  exec >"$outputs/cleanup" 2>&1
  # What a page leaves running, if it fails.
  jobs -p | xargs --no-run-if-empty kill || true
  [[ ! -e $outputs/all ]] || tac "$outputs/all" | xargs kubectl delete --ignore-not-found || status=1
  exit "$status"
}
trap cleanup EXIT`

var (
	blanks = regexp.MustCompile(`[ \t]+`)
	// What differs each time: instants, and spans of time.
	instant = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
	span    = regexp.MustCompile(`\b(\d+(y|d|h|m|s))+\b`)
)

// matches says whether something prints what a page shows. The page may leave out lines by [...] on a line of
// its own, and a part of a line by the same. How wide columns are depends on what is in them, and does not
// count; neither do instants and spans of time.
func matches(shown, printed string) bool {
	shown, printed = plain(shown), plain(printed)
	pattern := regexp.QuoteMeta(shown)
	pattern = strings.ReplaceAll(pattern, "\n"+regexp.QuoteMeta("[...]")+"\n", `\n(?:.*\n)*?`)
	pattern = strings.ReplaceAll(pattern, regexp.QuoteMeta("[...]"), `.*`)
	return regexp.MustCompile(`^` + pattern + `$`).MatchString(printed)
}

func plain(text string) string {
	text = instant.ReplaceAllString(text, "<instant>")
	text = span.ReplaceAllString(text, "<span>")
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.TrimRight(blanks.ReplaceAllString(line, " "), " \n"))
	}
	return "\n" + strings.Trim(strings.Join(lines, "\n"), "\n") + "\n"
}
