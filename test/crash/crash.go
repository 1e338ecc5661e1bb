// Package crash shows that a panic ends the process: it runs the test's own program once more, for what panics there.
package crash

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// child is the environment variable that names the test that the program has been called again for.
const child = "BAILIWICK_TEST_CRASH"

// goPanicked is the exit code of a Go program that a panic has ended. A test that merely fails has another.
const goPanicked = 2

// Expect expects that do, in a process of its own, ends that process by a panic that says why. It calls do there only,
// so that what a test prepares for it belongs into do.
func Expect(t *testing.T, why string, do func()) {
	t.Helper()
	if os.Getenv(child) == t.Name() {
		do()
		return
	}
	var patterns []string
	for part := range strings.SplitSeq(t.Name(), "/") {
		patterns = append(patterns, "^"+regexp.QuoteMeta(part)+"$")
	}
	program := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+strings.Join(patterns, "/"), "-test.timeout=1m")
	program.Env = append(os.Environ(), child+"="+t.Name())
	output, err := program.CombinedOutput()
	failed, ok := errors.AsType[*exec.ExitError](err)
	if !ok || failed.ExitCode() != goPanicked || !strings.Contains(string(output), "panic: "+why) {
		t.Errorf("the process did not end by the panic %q: %v\n%s", why, err, output)
	}
}
