package monitoring

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/util/teststorage"
)

// dashboard is what the tests look at in Grafana's JSON.
type dashboard struct {
	UID, Title    string
	SchemaVersion int
	Templating    struct {
		List []struct {
			Name, Type, Definition string
		}
	}
	Panels []panel
}

type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               struct{ Type, UID string }
	FieldConfig              struct{ Defaults struct{ Unit string } }
	GridPos                  struct{ H, W, X, Y int }
	Targets                  []struct {
		Expr, RefID, LegendFormat string
		Datasource                struct{ Type, UID string }
	}
}

func load(t *testing.T) dashboard {
	t.Helper()
	content, err := os.ReadFile("config/monitoring/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(content, &d); err != nil { //nolint:musttag // names are found in any case, and nothing is written
		t.Fatal(err)
	}
	return d
}

func TestThePanelsAreWhole(t *testing.T) {
	d := load(t)
	if d.UID == "" || d.Title == "" || d.SchemaVersion < 36 {
		t.Errorf("the dashboard is %q %q, of schema %d", d.UID, d.Title, d.SchemaVersion)
	}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.ID == 0 {
			t.Errorf("%s: its id %d is 0, or another's", p.Title, p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if x >= 24 || taken[[2]int{x, y}] != "" {
					t.Fatalf("%s is beyond the edge, or over %q", p.Title, taken[[2]int{x, y}])
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Title == "" {
			t.Errorf("panel %d has no title", p.ID)
		}
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
			t.Errorf("%s has no description, no unit, or asks nothing", p.Title)
		}
		if p.Datasource.UID != "${datasource}" || p.Datasource.Type != "prometheus" {
			t.Errorf("%s: its data source is %+v, and not the one that is chosen", p.Title, p.Datasource)
		}
		for _, target := range p.Targets {
			if target.Datasource != p.Datasource || target.RefID == "" {
				t.Errorf("%s: the query %s has another data source, or no id", p.Title, target.RefID)
			}
		}
	}
}

func TestEveryVariableOfAQueryIsDeclared(t *testing.T) {
	d := load(t)
	declared := []string{"$__rate_interval", ""}
	for _, variable := range d.Templating.List {
		declared = append(declared, "$"+variable.Name, "")
		if name, ok := strings.CutPrefix(variable.Definition, "label_values("); ok {
			expectKnown(t, strings.Split(name, ",")[0])
		}
	}
	without := strings.NewReplacer(declared...)
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			if rest := without.Replace(target.Expr + target.LegendFormat); strings.Contains(rest, "$") {
				t.Errorf("%s: nobody says what a variable of %s is", p.Title, target.Expr)
			}
		}
	}
}

func TestEveryPanelShowsSomethingWithWhatTheOperatorSays(t *testing.T) {
	began, ended := time.Now().Add(-time.Hour), time.Now()
	storage := remembered(t, began, ended)
	query := rules.EngineQueryFunc(promqltest.NewTestEngine(t, false, 0, 1_000_000), storage)
	filled := strings.NewReplacer("$namespace", added["namespace"], "$__rate_interval", "2m")
	for _, p := range load(t).Panels {
		for _, target := range p.Targets {
			text := filled.Replace(target.Expr)
			expectKnown(t, text)
			found, err := query(t.Context(), text, ended)
			if err != nil {
				t.Errorf("%s: %s: %v", p.Title, text, err)
			}
			if len(found) == 0 {
				t.Errorf("%s: %s finds nothing", p.Title, text)
			}
		}
	}
}

// remembered is a Prometheus that has scraped what the operator said, again and again.
func remembered(t *testing.T, from, until time.Time) *teststorage.TestStorage {
	t.Helper()
	var all []*dto.MetricFamily
	for _, family := range families {
		all = append(all, family)
	}
	storage := teststorage.New(t)
	for at := from; !at.After(until); at = at.Add(scrapeEvery) {
		samples, err := expfmt.ExtractSamples(&expfmt.DecodeOptions{Timestamp: model.TimeFromUnixNano(at.UnixNano())}, all...)
		if err != nil {
			t.Fatal(err)
		}
		appender := storage.Appender(t.Context())
		for _, sample := range samples {
			builder := labels.NewBuilder(labels.EmptyLabels())
			for name, value := range sample.Metric {
				builder.Set(string(name), string(value))
			}
			for name, value := range added {
				builder.Set(name, value)
			}
			if _, err := appender.Append(0, builder.Labels(), int64(sample.Timestamp), float64(sample.Value)); err != nil {
				t.Fatal(err)
			}
		}
		if err := appender.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	return storage
}
