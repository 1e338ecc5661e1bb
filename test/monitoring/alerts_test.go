package monitoring

import (
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"sigs.k8s.io/yaml"
)

// scrapeEvery is config/monitoring's interval; rules are looked at as often.
const scrapeEvery = 30 * time.Second

// alerts are the rules of config/monitoring, by name.
func alerts(t *testing.T) map[string]monitoringv1.Rule {
	t.Helper()
	content, err := os.ReadFile("config/monitoring/prometheus_rule.yaml")
	if err != nil {
		t.Fatal(err)
	}
	object := &monitoringv1.PrometheusRule{}
	if err := yaml.UnmarshalStrict(content, object); err != nil {
		t.Fatal(err)
	}
	found := map[string]monitoringv1.Rule{}
	for _, group := range object.Spec.Groups {
		for _, rule := range group.Rules {
			if _, twice := found[rule.Alert]; twice || rule.Alert == "" {
				t.Errorf("the alert %q is there twice, or has no name", rule.Alert)
			}
			found[rule.Alert] = rule
		}
	}
	return found
}

const (
	inSync         = `bailiwick_store_in_sync{namespace="b", pod="p"}`
	available      = `bailiwick_store_available{namespace="b", pod="p"}`
	oldest         = `bailiwick_sync_oldest_seconds{namespace="b", pod="p"}`
	notOurs        = `bailiwick_store_foreign{namespace="b", pod="p"}`
	damaged        = `bailiwick_store_damaged_file{namespace="b", pod="p"}`
	refused        = `bailiwick_sync_refused{namespace="b", pod="p"}`
	foreign        = `bailiwick_drift_repaired_total{namespace="b", pod="p", direction="foreign"}`
	missing        = `bailiwick_drift_repaired_total{namespace="b", pod="p", direction="missing"}`
	compared       = `bailiwick_store_compared_timestamp_seconds{namespace="b", pod="p"}`
	deadline       = `bailiwick_time_bound_next_deadline_timestamp_seconds{namespace="b", pod="p"}`
	held           = `bailiwick_objects{namespace="b", pod="p", kind="RoleAssignment", state="stalled", reason="RevocationProtected"}`
	unadministered = `bailiwick_objects{namespace="b", pod="p", kind="Organization", state="stalled", reason="NotAdministered"}`
	emergencies    = `bailiwick_access_activations_total{namespace="b", pod="p", policy="emergency"}`
	eligible       = `bailiwick_access_activations_total{namespace="b", pod="p", policy="eligible"}`
	dangling       = `bailiwick_objects{namespace="b", pod="p", kind="RoleAssignment", state="waiting", reason="RoleNotFound"}`
	failing        = `controller_runtime_reconcile_errors_total{namespace="b", pod="p", controller="role"}`
	notLoaded      = `bailiwick_admission_denied_total{namespace="b", pod="p", kind="Role", reason="NotLoaded"}`
	notHeld        = `bailiwick_admission_denied_total{namespace="b", pod="p", kind="Role", reason="NotHeld"}`
	answered       = `bailiwick_decision_request_seconds_count{namespace="b", pod="p", code="200"}`
	judging        = `bailiwick_installation_ok{namespace="b", pod="p", part="validating_webhook_configuration"}`
	secondary      = `bailiwick_installation_ok{namespace="b", pod="q", part="validating_webhook_configuration"}`
	issued         = `bailiwick_installation_ok{namespace="b", pod="p", part="certificate"}`
	rewritten      = `bailiwick_installation_writes_total{namespace="b", pod="p", part="validating_webhook_configuration"}`
	unsent         = `bailiwick_events_undelivered{namespace="b", pod="p"}`
	dropped        = `bailiwick_events_lost_total{namespace="b", pod="p", reason="too_old"}`
	answers        = `bailiwick_decisions_ready{namespace="b", pod="p"}`
	broken         = `bailiwick_decision_request_seconds_count{namespace="b", pod="p", code="503"}`
	withheld       = `bailiwick_decision_requests_withheld_total{namespace="b", pod="p"}`
)

// A scenario is series as Prometheus' own tests write them, a value every 30 s from the Unix epoch on, and how
// many minutes later the alert fires or, in a quiet one, never did.
type scenario struct {
	minutes int
	series  []string
}

// scenarios are, for each alert, when it fires, and what is near and leaves it quiet.
var scenarios = map[string]struct{ fires, quiet []scenario }{
	"BailiwickDown": {
		fires: []scenario{{6, nil}, {20, []string{inSync + " 1x10"}}},
		quiet: []scenario{{20, []string{inSync + " 1x60"}}, {20, []string{inSync + " 1x10 _x6 1x40"}}, {20, []string{inSync + " 0x60"}}},
	},
	"BailiwickNotInSync": {
		fires: []scenario{{6, []string{inSync + " 0x20"}}},
		quiet: []scenario{{20, []string{inSync + " 0x5 1x60"}}, {4, []string{inSync + " 0x20"}}, {20, nil}},
	},
	"BailiwickStoreUnavailable": {
		fires: []scenario{{3, []string{available + " 0x20"}}},
		quiet: []scenario{{20, []string{available + " 1x3 0x2 1x50"}}, {20, nil}},
	},
	"BailiwickStoreForeign": {
		fires: []scenario{{1, []string{notOurs + " 1x20"}}, {10, []string{notOurs + " 0x5 1x20"}}},
		quiet: []scenario{{20, []string{notOurs + " 0x50"}}, {20, nil}},
	},
	"BailiwickStoreFileDamaged": {
		fires: []scenario{{1, []string{damaged + " 1x20"}}, {10, []string{damaged + " 0x5 1x20"}}},
		quiet: []scenario{{20, []string{damaged + " 0x50"}}, {20, nil}},
	},
	"BailiwickStoreRefusesWrites": {
		fires: []scenario{{6, []string{refused + " 1x20"}}},
		quiet: []scenario{{20, []string{refused + " 0x50"}}, {20, []string{refused + " 1x3 0x50"}}},
	},
	"BailiwickSyncStuck": {
		fires: []scenario{{5, []string{oldest + " 0+30x20", available + " 1x20", refused + " 0x20"}}},
		quiet: []scenario{
			{20, []string{oldest + " 0+30x3 0x50", available + " 1x60", refused + " 0x60"}},
			// Other alerts say so.
			{20, []string{oldest + " 0+30x60", available + " 0x60", refused + " 0x60"}},
			{20, []string{oldest + " 0+30x60", available + " 1x60", refused + " 1x60"}},
		},
	},
	"BailiwickDrift": {
		fires: []scenario{{5, []string{foreign + " 0x5 1x20"}}, {5, []string{missing + " 7x5 8x20"}}},
		quiet: []scenario{{20, []string{foreign + " 3x60", missing + " 0x60"}}, {20, []string{foreign + " 3x10 0x60"}}},
	},
	"BailiwickComparisonOverdue": {
		fires: []scenario{{67, []string{compared + " 0x200"}}},
		quiet: []scenario{{59, []string{compared + " 0x200"}}, {100, []string{compared + " 0x100 3000x200"}}},
	},
	"BailiwickExpiriesLate": {
		fires: []scenario{{16, []string{deadline + " 600x100"}}},
		quiet: []scenario{{14, []string{deadline + " 600x100"}}, {60, []string{deadline + " 9000x200"}}, {60, nil}},
	},
	"BailiwickRevocationHeld": {
		fires: []scenario{{61, []string{held + " 1x200"}}},
		quiet: []scenario{{90, []string{held + " 1x20", dangling + " 1x200"}}},
	},
	"BailiwickBreakGlassUsed": {
		fires: []scenario{{4, []string{emergencies + " 0x5 1x200"}}, {4, []string{emergencies + " 7x5 8x200", eligible + " 0x200"}}},
		quiet: []scenario{{60, []string{emergencies + " 0x200", eligible + " 0x5 1x200"}}, {60, []string{emergencies + " 3x200"}}},
	},
	"BailiwickOrganizationNotAdministered": {
		fires: []scenario{{16, []string{unadministered + " 1x200"}}},
		quiet: []scenario{{60, []string{unadministered + " 1x10", dangling + " 1x200"}}},
	},
	"BailiwickReconcileErrors": {
		fires: []scenario{{17, []string{failing + " 0+1x100"}}},
		quiet: []scenario{{60, []string{failing + " 5x200"}}, {60, []string{failing + " 0 1x200"}}},
	},
	"BailiwickAdmissionCannotJudge": {
		fires: []scenario{{12, []string{notLoaded + " 0+1x100"}}},
		quiet: []scenario{{60, []string{notLoaded + " 0 2x200"}}, {60, []string{notHeld + " 0+1x200"}}},
	},
	"BailiwickWebhookConfigurationWeakened": {
		// Within a minute of the moment when it was weakened.
		fires: []scenario{{1, []string{judging + " 1x0 0x20"}}, {1, []string{judging + " 1x20", secondary + " 1x0 0x20"}}},
		quiet: []scenario{{20, []string{judging + " 1x50", issued + " 0x50"}}, {20, nil}},
	},
	"BailiwickInstallationDamaged": {
		fires: []scenario{{3, []string{issued + " 0x20"}}},
		quiet: []scenario{{20, []string{issued + " 1x3 0x2 1x50"}}, {20, []string{judging + " 0x50"}}, {20, nil}},
	},
	"BailiwickInstallationOverwritten": {
		fires: []scenario{{15, []string{rewritten + " 0+1x100"}}},
		quiet: []scenario{{60, []string{rewritten + " 0x3 3x200"}}, {60, nil}},
	},
	"BailiwickEventsUndelivered": {
		fires: []scenario{{16, []string{unsent + " 3x100"}}},
		quiet: []scenario{{14, []string{unsent + " 3x100"}}, {60, []string{unsent + " 3x20 0 3x20 0x200"}}, {60, []string{unsent + " 0x200"}}},
	},
	"BailiwickEventsLost": {
		fires: []scenario{{5, []string{dropped + " 0x5 2x100"}}},
		quiet: []scenario{{60, []string{dropped + " 2x200"}}, {60, []string{dropped + " 2x10 0x200"}}},
	},
	"BailiwickReplicaAnswersNothing": {
		fires: []scenario{{6, []string{answers + " 0x20"}}, {20, []string{answers + " 1x20 0x100"}}},
		quiet: []scenario{{60, []string{answers + " 1x200"}}, {60, []string{answers + " 0x8 1x200"}}, {60, nil}},
	},
	"BailiwickDecisionErrors": {
		fires: []scenario{{7, []string{answered + " 0+90x100", broken + " 0+4x100", withheld + " 0+2x100"}}},
		quiet: []scenario{
			{60, []string{answered + " 0+1000x200", broken + " 0+1x200", withheld + " 0x200"}}, {60, []string{answered + " 0+90x200", withheld + " 0x200"}}, {60, nil},
			{60, []string{answered + " 0+90x200", broken + " 0+10x200", withheld + " 0+10x200"}}, // about what a replica does not know for good
		},
	},
}

func TestEachAlertFiresWhenItShouldAndNotWhenItShouldNot(t *testing.T) {
	found := alerts(t)
	for name := range scenarios {
		if _, ok := found[name]; !ok {
			t.Errorf("there is no alert %s", name)
		}
	}
	for name, rule := range found {
		t.Run(name, func(t *testing.T) {
			of := scenarios[name]
			if len(of.fires) == 0 || len(of.quiet) == 0 {
				t.Fatal("nothing says when it fires, and when not")
			}
			for _, s := range of.fires {
				if fired := play(t, rule, s); len(fired) == 0 {
					t.Errorf("%v: does not fire within %d minutes", s.series, s.minutes)
				}
			}
			for _, s := range of.quiet {
				if fired := play(t, rule, s); len(fired) > 0 {
					t.Errorf("%v: fires within %d minutes: %v", s.series, s.minutes, fired[0].Annotations)
				}
			}
		})
	}
}

// play looks at a rule as Prometheus does, and returns the alerts that have fired at any time.
func play(t *testing.T, written monitoringv1.Rule, s scenario) (fired []*rules.Alert) {
	t.Helper()
	storage := promqltest.LoadedStorage(t, "load 30s\n  "+strings.Join(append([]string{"up 1x400"}, s.series...), "\n  ")+"\n")
	query := rules.EngineQueryFunc(promqltest.NewTestEngine(t, false, 0, 100_000), storage)
	rule := rules.NewAlertingRule(written.Alert, expectKnown(t, written.Expr.String()), duration(t, written.For), 0,
		labels.FromMap(written.Labels), labels.FromMap(written.Annotations), labels.EmptyLabels(), "", true, nil)
	for at := time.Unix(0, 0); !at.After(time.Unix(0, 0).Add(time.Duration(s.minutes) * time.Minute)); at = at.Add(scrapeEvery) {
		if _, err := rule.Eval(t.Context(), 0, at, query, &url.URL{}, 0); err != nil {
			t.Fatal(err)
		}
		for _, alert := range rule.ActiveAlerts() {
			if strings.Contains(alert.Annotations.String(), "<error") || strings.Contains(alert.Annotations.String(), "<no value>") {
				t.Errorf("what it says can't be filled in: %s", alert.Annotations)
			}
			if alert.State == rules.StateFiring {
				fired = append(fired, alert)
			}
		}
	}
	return fired
}

func duration(t *testing.T, written *monitoringv1.Duration) time.Duration {
	t.Helper()
	if written == nil {
		return 0
	}
	parsed, err := model.ParseDuration(string(*written))
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(parsed)
}

var heading = regexp.MustCompile(`(?m)^### (\S+)$`)

func TestEachAlertSaysWhatIsTheMatterAndWhereToReadOn(t *testing.T) {
	page, err := os.ReadFile("docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]bool{}
	for _, found := range heading.FindAllStringSubmatch(string(page), -1) {
		sections[found[1]] = true
	}
	found := alerts(t)
	for name, rule := range found {
		if severity := rule.Labels["severity"]; severity != "critical" && severity != "warning" {
			t.Errorf("%s: its severity is %q", name, severity)
		}
		if rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
			t.Errorf("%s says too little", name)
		}
		want := "https://github.com/bailiwick-dev/bailiwick/blob/main/docs/monitoring.md#" + strings.ToLower(name)
		if rule.Annotations["runbook_url"] != want || !sections[name] {
			t.Errorf("%s: there is no section at %s, or it names %q", name, want, rule.Annotations["runbook_url"])
		}
		delete(sections, name)
	}
	if len(sections) > 0 {
		t.Errorf("docs/monitoring.md has sections for alerts that are not there: %v", sections)
	}
}

func TestTheServiceMonitorFindsTheService(t *testing.T) {
	monitor := &monitoringv1.ServiceMonitor{}
	content, err := os.ReadFile("config/monitoring/service_monitor.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(content, monitor); err != nil {
		t.Fatal(err)
	}
	service := struct {
		Metadata struct{ Labels map[string]string }
		Spec     struct{ Ports []struct{ Name string } }
	}{}
	if content, err = os.ReadFile("config/monitoring/service.yaml"); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, &service); err != nil {
		t.Fatal(err)
	}
	if len(monitor.Spec.Selector.MatchLabels) == 0 {
		t.Error("it selects everything")
	}
	for key, value := range monitor.Spec.Selector.MatchLabels {
		if service.Metadata.Labels[key] != value {
			t.Errorf("the Service has no label %s=%s", key, value)
		}
	}
	if endpoints := monitor.Spec.Endpoints; len(endpoints) != 1 || endpoints[0].Port != service.Spec.Ports[0].Name || string(endpoints[0].Interval) != "30s" {
		t.Errorf("the endpoints are %+v, the Service's ports %+v", endpoints, service.Spec.Ports)
	}
}
