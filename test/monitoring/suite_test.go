// Package monitoring holds the alerts and the dashboard of config/monitoring against what the operator really
// says, with Prometheus' own parser, engine and rules.
package monitoring

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/bailiwick-dev/bailiwick/hack/stage"
)

// said is what the operator's /metrics said with config/samples in force, families the same, parsed.
var (
	said     []byte
	families map[string]*dto.MetricFamily
)

var promQL = parser.NewParser(parser.Options{})

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	if err := os.Chdir("../.."); err != nil {
		return 0, err
	}
	var err error
	if said, err = scrape(context.Background()); err != nil {
		return 0, err
	}
	parse := expfmt.NewTextParser(model.UTF8Validation)
	if families, err = parse.TextToMetricFamilies(bytes.NewReader(said)); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// scrape runs the operator in a cluster with config/samples, where a question is asked, somebody is refused and
// something is missing, and returns its metrics.
func scrape(ctx context.Context) (_ []byte, err error) {
	s, err := stage.Start(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if failed := s.Stop(); err == nil {
			err = failed
		}
	}()
	if err := s.Install(ctx); err != nil {
		return nil, err
	}
	if err := s.StartOperator(ctx); err != nil {
		return nil, err
	}
	if _, err := s.Kubectl(ctx, "apply", "-k", "config/samples"); err != nil {
		return nil, err
	}
	if _, err := s.Kubectl(ctx, "wait", "--for=condition=Ready", "-n", "acme", "temporarypermissiongrants,roleassignments", "--all", stage.WaitArgument); err != nil {
		return nil, err
	}
	if _, err := s.Kubectl(ctx, "delete", "roleassignment", "-n", "acme", "alice-admin"); err == nil || !strings.Contains(err.Error(), "denied the request") {
		return nil, fmt.Errorf("taking the admin role from an owner was not refused: %w", err)
	}
	// And there is an object that waits for another.
	if _, err := s.Kubectl(ctx, "delete", "roles.authz.bailiwick.dev", "-n", "acme", "editor"); err != nil {
		return nil, err
	}
	if _, err := s.Kubectl(ctx, "wait", "--for=condition=Ready=false", "-n", "acme", "roleassignments/bob-editor-vision", stage.WaitArgument); err != nil {
		return nil, err
	}
	question := map[string]any{
		"subject": map[string]any{"type": "user", "id": "nobody"}, "action": map[string]any{"name": "App:View"},
		"resource": map[string]any{"type": "organization", "id": "acme"},
	}
	var answer map[string]any
	if err := stage.Call(ctx, http.DefaultClient, http.MethodPost, s.Decisions+"/access/v1/evaluation", s.DecisionKey, question, &answer); err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Metrics, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	return io.ReadAll(response.Body)
}

func TestTheNamesOfMetricsAreAsPrometheusWantsThem(t *testing.T) {
	problems, err := promlint.New(bytes.NewReader(said)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		if strings.HasPrefix(problem.Metric, "bailiwick_") {
			t.Errorf("%s: %s", problem.Metric, problem.Text)
		}
	}
}

func TestEveryMetricIsInTheTable(t *testing.T) {
	table, err := os.ReadFile("docs/operator.md")
	if err != nil {
		t.Fatal(err)
	}
	ours := 0
	for name := range families {
		if strings.HasPrefix(name, "bailiwick_") {
			ours++
			if !bytes.Contains(table, []byte("`"+name+"`")) && !bytes.Contains(table, []byte("`"+name+"{")) {
				t.Errorf("docs/operator.md does not say what %s is", name)
			}
		}
	}
	if ours < 20 {
		t.Errorf("there are only %d metrics of Bailiwick", ours)
	}
}

// expectKnown parses a query, and expects that the operator has every metric in it.
func expectKnown(t *testing.T, query string) parser.Expr {
	t.Helper()
	expression, err := promQL.ParseExpr(query)
	if err != nil {
		t.Fatalf("%s\n%v", query, err)
	}
	named := 0
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		named++
		family := families[selector.Name]
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if base, cut := strings.CutSuffix(selector.Name, suffix); cut && family == nil && families[base].GetType() == dto.MetricType_HISTOGRAM {
				family = families[base]
			}
		}
		if family == nil {
			t.Errorf("the operator has no metric %s", selector.Name)
			return nil
		}
		for _, matcher := range selector.LabelMatchers {
			if !hasLabel(family, matcher.Name) {
				t.Errorf("%s has no label %s", selector.Name, matcher.Name)
			}
		}
		return nil
	})
	if named == 0 {
		t.Errorf("%s asks for no metric", query)
	}
	return expression
}

// added are the labels that a ServiceMonitor puts to what it scrapes.
var added = map[string]string{
	"namespace": "bailiwick-system", "job": "bailiwick-metrics", "service": "bailiwick-metrics", "pod": "bailiwick-0",
	"container": "bailiwick", "endpoint": "metrics", "instance": "10.0.0.1:8082",
}

func hasLabel(family *dto.MetricFamily, name string) bool {
	if _, ok := added[name]; ok || name == model.MetricNameLabel {
		return true
	}
	for _, label := range family.GetMetric()[0].GetLabel() {
		if label.GetName() == name {
			return true
		}
	}
	return false
}
