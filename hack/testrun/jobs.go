package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/onsi/ginkgo/v2/types"
)

const (
	integrationPath = "test/integration"
	// processes is how many control planes with an operator run the integration tests. The others wait for one about half
	// of the time.
	processes = 3
	// seed makes a run repeatable: whoever changes something is not to be told of what somebody else has left. `make
	// test-faults` looks for that, with another one each time.
	seed = 1
	// collection is GOGC for whatever runs. Control planes and operators live for minutes and have memory to spare: they
	// collect garbage seldom, and leave the processors to the tests. memory is GOMEMLIMIT, which bounds that.
	collection, memory = "GOGC=400", "GOMEMLIMIT=2GiB"
	// timeout is that of each job. They take a quarter of an hour on two cores; it is for those that hang.
	timeout = 90 * time.Minute
	// stopTimeout is how long a job may take to end when it is interrupted.
	stopTimeout = time.Minute
)

// job runs tests and reports them.
type job struct {
	name string
	// run returns an error if the tests could not be run, or one has failed.
	run func(context.Context, *report) error
}

// integration runs the integration tests in several processes.
func integration(logs string) job {
	return job{integrationPath, func(ctx context.Context, report *report) error {
		const name = "integration.json"
		var output bytes.Buffer
		failed := start(ctx, &output, "go", "tool", "ginkgo", "run", fmt.Sprint("--procs=", processes), fmt.Sprint("--seed=", seed),
			"--vet=off", "--timeout="+timeout.String(), "--poll-progress-after=5m", "--output-dir="+logs, "--json-report="+name, "./"+integrationPath)
		report.print(output.String())
		suites, err := readSuites(filepath.Join(logs, name))
		for _, suite := range suites {
			ran := report.addSuite(integrationPath, suite)
			report.addPackage(pkg{name: integrationPath, took: suite.RunTime, tests: ran})
		}
		return errors.Join(failed, err)
	}}
}

func readSuites(path string) (suites []types.Report, err error) {
	content, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(content, &suites)
	}
	if err != nil {
		return nil, fmt.Errorf("reading Ginkgo's report: %w", err)
	}
	return suites, nil
}

// packages runs the tests of a module, but for the integration tests. If they are specs, they are reported one by one.
func packages(module, logs string, specs bool) job {
	return job{"module " + module, func(ctx context.Context, report *report) error {
		listed, err := exec.CommandContext(ctx, "go", "-C", module, "list", "./...").Output()
		if err != nil {
			return fmt.Errorf("listing the packages of module %s: %w", module, err)
		}
		// `make verify` vets.
		arguments := []string{"-C", module, "test", "-json", "-short", "-vet=off", "-timeout=" + timeout.String()}
		paths := strings.Fields(string(listed))
		slices.Reverse(paths) // test before internal: those start control planes and wait
		for _, path := range paths {
			if !strings.HasSuffix(path, integrationPath) {
				arguments = append(arguments, path)
			}
		}
		specReport := filepath.Join(logs, filepath.Base(module)+".json")
		if specs {
			arguments = append(arguments, "-count=1", fmt.Sprint("-ginkgo.seed=", seed), "-ginkgo.json-report="+specReport)
		}
		reader, writer := io.Pipe()
		read := make(chan error, 1)
		go func() { read <- report.read(reader, specs) }()
		failed := start(ctx, writer, "go", arguments...)
		_ = writer.Close()
		if err := <-read; err != nil {
			return errors.Join(failed, fmt.Errorf("reading what the tests of module %s say: %w", module, err))
		}
		if !specs {
			return failed
		}
		suites, err := readSuites(specReport)
		for _, suite := range suites {
			report.addSuite(module, suite)
		}
		return errors.Join(failed, err)
	}}
}

// start runs a program. When ctx ends it is asked to end, as at a terminal.
func start(ctx context.Context, output io.Writer, name string, arguments ...string) error {
	program := exec.CommandContext(ctx, name, arguments...)
	program.Stdout, program.Stderr = output, output
	program.Env = append([]string{collection, memory}, os.Environ()...) // whoever sets them decides
	program.Cancel = func() error { return program.Process.Signal(syscall.SIGINT) }
	program.WaitDelay = stopTimeout
	if err := program.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", name, strings.Join(arguments[:min(len(arguments), 3)], " "), err)
	}
	return nil
}
