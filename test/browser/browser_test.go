// Package browser looks at the page of `kubectl authz ui` in a real browser, with a real API server, the operator and
// config/samples.
package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bailiwick-dev/bailiwick/hack/stage"
)

// patience is how long all of it may take.
const patience = 20 * time.Minute

// program is what serves the page.
const program = "bin/kubectl-authz"

// rights are what people may read: all of the organization, or little of it.
const rights = "test/browser/rights.yaml"

// TestThePage runs the *.test.mjs, which have the rows in their names. With BAILIWICK_PICTURES they write the pictures of
// the documentation into that directory.
func TestThePage(t *testing.T) {
	t.Chdir("../..")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	node, npm, chromium := need(t, "nodejs", "node"), need(t, "npm", "npm"), need(t, "chromium", "chromium", "chromium-browser", "google-chrome")

	if _, err := os.Stat(program); err != nil {
		t.Fatalf("%v\nis it built? `make build`", err)
	}

	directory := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "site.mjs", "page.test.mjs", "assignment.yaml", "policy.yaml", "requests.yaml", "user.yaml"} {
		content, err := os.ReadFile(filepath.Join("test/browser", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(directory, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var s *stage.Stage
	preparing, preparation := errgroup.WithContext(ctx)
	preparing.Go(func() error {
		return run(exec.CommandContext(preparation, npm, "ci", "--prefix", directory, "--no-audit", "--no-fund", "--ignore-scripts",
			"--prefer-offline", "--fetch-timeout=30000", "--fetch-retries=4", "--fetch-retry-mintimeout=2000", "--fetch-retry-maxtimeout=20000"))
	})
	preparing.Go(func() (err error) {
		s, err = setUp(ctx, t)
		return err
	})
	if err := preparing.Wait(); err != nil {
		t.Fatal(err)
	}
	environment := append(os.Environ(), "CHROMIUM="+chromium, "KUBECTL="+s.Plane.Kubectl(), "ADMIN="+s.Kubeconfig)
	for variable, name := range map[string]string{"VIEWER": "viewer@acme.example", "GUEST": "guest@acme.example", "ALICE": "alice@acme.example"} {
		path := filepath.Join(directory, variable)
		if err := s.Plane.WriteUserKubeconfig(path, name); err != nil {
			t.Fatal(err)
		}
		environment = append(environment, variable+"="+path)
	}
	for variable, path := range map[string]string{"AUTHZ": program, "PICTURES": os.Getenv("BAILIWICK_PICTURES")} {
		if path == "" {
			continue
		}
		absolute, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		environment = append(environment, variable+"="+absolute)
	}
	tests := exec.CommandContext(ctx, node, "--test", "--test-reporter=spec", "--test-timeout=900000", "page.test.mjs")
	tests.Dir, tests.Env = directory, environment
	output, err := tests.CombinedOutput()
	t.Logf("%s", output)
	if err != nil {
		t.Fatal(err)
	}
}

// need is the path of a program, under one of its names. Without it there is no test.
func need(t *testing.T, debian string, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("this test needs %s: install Debian's package %s, or what is like it", names[0], debian)
	return ""
}

// setUp starts a control plane and the operator with the samples, and returns when all of these are in force.
func setUp(ctx context.Context, t *testing.T) (*stage.Stage, error) {
	t.Helper()
	s, err := stage.Start(ctx)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Install(ctx); err != nil {
		return nil, err
	}
	if err := s.StartOperator(ctx); err != nil {
		return nil, err
	}
	for _, arguments := range [][]string{
		{"apply", "-k", "config/samples"},
		{"apply", "-f", rights},
		{"wait", "authz-all", "--all", "--all-namespaces", "--for=condition=Ready", stage.WaitArgument},
	} {
		if _, err := s.Kubectl(ctx, arguments...); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func run(command *exec.Cmd) error {
	output, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", command, err, output)
	}
	return nil
}
