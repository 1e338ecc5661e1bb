package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestTheReportSaysWhatHasFailed(t *testing.T) {
	passes := test{in: "test/integration", name: "a spec that passes", spec: true}
	fails := test{in: "internal/state", name: "TestIt", failed: true}
	for name, test := range map[string]struct {
		tests  []test
		fail   []string
		want   []string
		passed bool
	}{
		"all passes": {tests: []test{passes}, passed: true, want: []string{"Ran 1 specs and 0 other tests in 1m0s: all passed\n"}},
		"a test fails": {tests: []test{passes, fails}, fail: []string{"module ."}, want: []string{
			"\nFAILED: internal/state: TestIt\n", "\nFAILED: module .: exit status 1\n", ": 1 tests failed, in module .\n",
		}},
		"a job fails in which no test does": {tests: []test{passes}, fail: []string{"test/integration", "module test/chart"}, want: []string{
			"\nFAILED: test/integration: exit status 1\n", ": failed without a failed test: test/integration and module test/chart\n",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			r := &report{out: &out, tests: test.tests}
			for _, job := range test.fail {
				r.fail(job, errors.New("exit status 1"))
			}
			if passed := r.write(time.Minute); passed != test.passed {
				t.Errorf("passed: %t", passed)
			}
			for _, want := range test.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("it does not say %q:\n%s", want, out.String())
				}
			}
		})
	}
}

func TestWhatGoTestSaysIsRead(t *testing.T) {
	for name, test := range map[string]struct {
		events string
		tests  int
		failed string
		prints string
	}{
		"a test with subtests counts as those": {
			events: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/one"}
{"Action":"output","Package":"p","Test":"TestA/one","Output":"quiet\n"}
{"Action":"pass","Package":"p","Test":"TestA/one","Elapsed":1}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":1}
{"Action":"output","Package":"p","Output":"ok  \tp\t1.0s\n"}
{"Action":"pass","Package":"p","Elapsed":1}`,
			tests: 1, prints: "ok  \tp\t1.0s\n",
		},
		"a test that fails is printed": {
			events: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"why\n"}
{"Action":"fail","Package":"p","Test":"TestA","Elapsed":1}
{"Action":"output","Package":"p","Output":"FAIL\tp\n"}
{"Action":"fail","Package":"p","Elapsed":1}`,
			tests: 1, failed: "TestA", prints: "why\nFAIL\tp\n",
		},
		"what a compiler says is printed": {
			events: `{"ImportPath":"p","Action":"build-output","Output":"p.go:1: no\n"}
{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}
{"Action":"fail","Package":"p","Elapsed":0}`,
			prints: "p.go:1: no\nFAIL\tp [build failed]\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			r := &report{out: &out}
			if err := r.read(strings.NewReader(test.events+"\n"), false); err != nil {
				t.Fatal(err)
			}
			failed := ""
			for _, t := range r.tests {
				if t.failed {
					failed = t.name
				}
			}
			if len(r.tests) != test.tests || failed != test.failed || out.String() != test.prints {
				t.Errorf("got %+v, which prints %q", r.tests, out.String())
			}
		})
	}
}
