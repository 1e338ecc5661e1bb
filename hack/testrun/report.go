package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/onsi/ginkgo/v2/types"
)

const (
	// slowest is how many tests the report names.
	slowest = 20
	// tooLong is how long a spec may take that does not say that it is slow.
	tooLong = 2 * time.Second
	// slowLabel is the label of a spec that is about something that takes long.
	slowLabel = "slow"
)

// report is what has been run so far.
type report struct {
	mu       sync.Mutex
	out      io.Writer
	tests    []test
	packages []pkg
	failures []failure
}

// failure is a job that has failed.
type failure struct {
	job string
	err error
}

// test is a spec, or a test of the testing package without subtests.
type test struct {
	in, name string
	took     time.Duration
	failed   bool
	// spec says that it is one of Ginkgo's, slow that it may take longer than the others.
	spec, slow bool
}

type pkg struct {
	name   string
	took   time.Duration
	tests  int
	cached bool
}

func (r *report) print(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintln(r.out, strings.TrimSpace(text))
}

// fail says that a job has failed, be it that a test of its has or that they could not be run.
func (r *report) fail(job string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, failure{job, err})
}

// addSuite adds the specs of a Ginkgo suite, and returns how many have been run.
func (r *report) addSuite(name string, suite types.Report) (ran int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, spec := range suite.SpecReports {
		if spec.LeafNodeType != types.NodeTypeIt || spec.State.Is(types.SpecStateSkipped|types.SpecStatePending) {
			continue
		}
		ran++
		r.tests = append(r.tests, test{
			in: name, name: spec.FullText(), took: spec.RunTime,
			spec: true, slow: slices.Contains(spec.Labels(), slowLabel), failed: spec.State.Is(types.SpecStateFailureStates),
		})
	}
	return ran
}

func (r *report) addPackage(p pkg) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.packages = append(r.packages, p)
}

// event is what `go test -json` says.
type event struct {
	Action  string  `json:"Action"`
	Package string  `json:"Package"`
	Test    string  `json:"Test"`
	Output  string  `json:"Output"`
	Elapsed float64 `json:"Elapsed"`
}

func (e event) took() time.Duration { return time.Duration(e.Elapsed * float64(time.Second)) }

// ended says whether a test or package has been run, or was not to be.
func (e event) ended() bool { return e.Action == "pass" || e.Action == "fail" || e.Action == "skip" }

// progress is how far a package is.
type progress struct {
	// output is what its tests have said, by test; that of the package itself is under no name.
	output map[string]*strings.Builder
	failed []string
	tests  []test
	// parents are the tests that have subtests.
	parents map[string]bool
}

// read adds what `go test -json` says. A package is printed when it has been run: with what those of its
// tests have said that failed, and the line that go test prints. Tests that are suites of Ginkgo are reported by that.
func (r *report) read(events io.Reader, suites bool) error {
	packages := map[string]*progress{}
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading events: %w", err)
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil || e.Package == "" {
			if text := cmp.Or(e.Output, string(line)); err != nil || e.Output != "" { // of the go command itself, or a compiler
				r.print(text)
			}
			continue
		}
		p := packages[e.Package]
		if p == nil {
			p = &progress{output: map[string]*strings.Builder{}, parents: map[string]bool{}}
			packages[e.Package] = p
		}
		switch {
		case e.Action == "output":
			if p.output[e.Test] == nil {
				p.output[e.Test] = &strings.Builder{}
			}
			_, _ = p.output[e.Test].WriteString(e.Output) // it never fails
		case e.Action == "run":
			if last := strings.LastIndex(e.Test, "/"); last >= 0 {
				p.parents[e.Test[:last]] = true
			}
		case e.Test != "" && e.ended():
			if e.Action == "fail" {
				p.failed = append(p.failed, e.Test)
			}
			if !p.parents[e.Test] && !suites && e.Action != "skip" {
				p.tests = append(p.tests, test{in: e.Package, name: e.Test, took: e.took(), failed: e.Action == "fail"})
			}
		case e.ended():
			r.end(e, p)
		}
	}
}

// end reports a package of the go command.
func (r *report) end(e event, p *progress) {
	if e.Action == "skip" { // it has no tests
		return
	}
	for _, name := range p.failed {
		r.print(p.output[name].String())
	}
	said := ""
	if output := p.output[""]; output != nil {
		said = strings.TrimSpace(output.String())
	}
	if e.Action == "pass" {
		said = said[strings.LastIndex(said, "\n")+1:]
	}
	r.print(said)
	r.addPackage(pkg{name: e.Package, took: e.took(), tests: len(p.tests), cached: strings.HasSuffix(said, "(cached)")})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tests = append(r.tests, p.tests...)
}

// write says where the time went, and whether all has passed.
func (r *report) write(took time.Duration) (passed bool) {
	line := func(format string, arguments ...any) { fmt.Fprintf(r.out, format+"\n", arguments...) }
	line("\nWhat each package took:")
	slices.SortFunc(r.packages, func(a, b pkg) int { return cmp.Compare(b.took, a.took) })
	for _, p := range r.packages {
		note := ""
		if p.cached {
			note = " (cached)"
		}
		line("%8s  %s, %d tests%s", seconds(p.took), p.name, p.tests, note)
	}
	slices.SortFunc(r.tests, func(a, b test) int { return cmp.Compare(b.took, a.took) })
	line("\nThe %d slowest tests:", slowest)
	for _, t := range r.tests[:min(len(r.tests), slowest)] {
		line("%8s  %s: %s", seconds(t.took), t.in, t.name)
	}
	line("\nSpecs that take more than %s without the label %q, to be made faster or moved to where no API server is needed:", tooLong, slowLabel)
	specs, toMove := 0, 0
	for _, t := range r.tests {
		if t.spec {
			specs++
		}
		if t.spec && !t.slow && t.took > tooLong {
			toMove++
			line("%8s  %s: %s", seconds(t.took), t.in, t.name)
		}
	}
	if toMove == 0 {
		line("          none")
	}
	line("")
	failed := 0
	for _, t := range r.tests {
		if t.failed {
			failed++
			line("FAILED: %s: %s", t.in, t.name)
		}
	}
	var jobs []string
	for _, f := range r.failures {
		line("FAILED: %s: %v", f.job, f.err)
		jobs = append(jobs, f.job)
	}
	passed = failed == 0 && len(jobs) == 0
	verdict := "all passed"
	if !passed {
		verdict = fmt.Sprintf("%d tests failed", failed)
	}
	if len(jobs) > 0 {
		verdict += ", in " + strings.Join(jobs, " and ")
		if failed == 0 {
			verdict = "failed without a failed test: " + strings.Join(jobs, " and ")
		}
	}
	line("Ran %d specs and %d other tests in %s: %s", specs, len(r.tests)-specs, took.Round(time.Second), verdict)
	return passed
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
