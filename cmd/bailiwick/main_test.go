package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"
)

func TestManifestsUseFlagsThatThereAre(t *testing.T) {
	var deployment struct {
		Spec struct {
			Template struct {
				Spec struct {
					Containers []struct {
						Args []string `json:"args"`
					} `json:"containers"`
				} `json:"spec"`
			} `json:"template"`
		} `json:"spec"`
	}
	read(t, "manager/deployment.yaml", &deployment)
	args := deployment.Spec.Template.Spec.Containers[0].Args
	for _, file := range []string{"decisions/deployment_patch.yaml", "scim/deployment_patch.yaml"} {
		var patch []struct {
			Value any `json:"value"`
		}
		read(t, file, &patch)
		for _, operation := range patch {
			if arg, ok := operation.Value.(string); ok && strings.HasPrefix(arg, "--") {
				args = append(args, arg)
			}
		}
	}
	f := &flags{}
	set := f.define()
	set.Init("bailiwick", pflag.ContinueOnError)
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	if f.Asking.DecisionAddress != ":8084" || f.Asking.DecisionKeysFile != "/etc/bailiwick/keys/keys.yaml" ||
		f.Asking.TLSDirectory != "/etc/bailiwick/tls" || !strings.HasPrefix(f.Asking.DecisionURL, "https://") {
		t.Errorf("%+v", f.Asking)
	}
	if f.SCIM.Address != ":8085" || f.SCIM.TLSDirectory != "/etc/bailiwick/scim-tls" || f.SCIM.KeysFile != "" {
		t.Errorf("%+v", f.SCIM)
	}
}

func read(t *testing.T, name string, into any) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("../../config", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, into); err != nil {
		t.Fatal(err)
	}
}

func TestProfilesAreServedToThisMachineOnly(t *testing.T) {
	for address, want := range map[string]string{
		"": "", "127.0.0.1:6060": "", "[::1]:6060": "",
		":6060": "not a loopback address", "0.0.0.0:6060": "use 127.0.0.1", "10.0.0.1:6060": "not a loopback address",
		"localhost:6060": "not a loopback address", "6060": "write host:port",
	} {
		f := &flags{}
		set := f.define()
		set.Init("bailiwick", pflag.ContinueOnError)
		if err := set.Parse([]string{"--pprof-address=" + address}); err != nil {
			t.Fatal(err)
		}
		options, err := f.options()
		switch {
		case want == "" && (err != nil || options.ProfileAddress != address):
			t.Errorf("%s: %q, %v", address, options.ProfileAddress, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "--pprof-address")):
			t.Errorf("%s: %v, want an error with %q", address, err, want)
		}
	}
}

func TestAReplicaThatOnlyAnswersDecisions(t *testing.T) {
	for args, want := range map[string]string{
		"--decisions-only --decision-service-accounts":                  "",
		"--decisions-only --decision-keys-file=keys.yaml":               "",
		"--decisions-only --decision-service-accounts --store=external": "",
		"--decision-service-accounts --store=external":                  "--store=external needs --openfga-server",
		"--decisions-only": "--decisions-only needs --decision-keys-file or --decision-service-accounts",
		"--decisions-only --decision-service-accounts --dry-run":                         "--dry-run: with --decisions-only",
		"--decisions-only --decision-service-accounts --scim-address=:8085":              "--scim-address: with --decisions-only",
		"--decisions-only --decision-service-accounts --events-sink-url=https://example": "--events-sink-url: with --decisions-only",
	} {
		f := &flags{}
		set := f.define()
		set.Init("bailiwick", pflag.ContinueOnError)
		if err := set.Parse(strings.Fields(args)); err != nil {
			t.Fatal(err)
		}
		options, err := f.options()
		switch {
		case want == "" && (err != nil || !options.DecisionsOnly):
			t.Errorf("%s: %t, %v", args, options.DecisionsOnly, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want an error with %q", args, err, want)
		}
	}
}

func TestDurationsOfTheLeaseMustFit(t *testing.T) {
	for args, want := range map[string]string{
		"": "",
		"--leader-elect-lease-duration=3s --leader-elect-renew-deadline=2s --leader-elect-retry-period=500ms": "",
		"--leader-elect-lease-duration=4s":                    "--leader-elect-renew-deadline=4s: it must be less than --leader-elect-lease-duration",
		"--leader-elect-retry-period=9s":                      "--leader-elect-retry-period=9s: it must be more than 0 and less than 3.3",
		"--leader-elect-retry-period=0s":                      "--leader-elect-retry-period=0s: it must be more than 0",
		"--leader-elect-retry-period=9s --leader-elect=false": "",
		// A sixth of the lease, so that read leases last through a change of leaders; without those it may be more.
		"--decision-service-accounts --leader-elect-retry-period=1s": "",
		"--decision-service-accounts --leader-elect-retry-period=1100ms": "--leader-elect-retry-period=1.1s: with --leader-elect-lease-duration=6s it must be at most 1s, else replicas stop answering decisions before another one leads: " +
			"shorten it, or make --leader-elect-lease-duration at least 6.6s",
		"--decision-service-accounts --leader-elect-retry-period=1100ms --leader-elect-lease-duration=6600ms":  "",
		"--decision-service-accounts --leader-elect-retry-period=1100ms --leader-elect=false":                  "",
		"--decision-service-accounts --leader-elect-retry-period=1100ms --leader-elect=false --decisions-only": "--leader-elect-lease-duration=6s",
		"--leader-elect-retry-period=1100ms": "",
	} {
		f := &flags{}
		set := f.define()
		set.Init("bailiwick", pflag.ContinueOnError)
		if err := set.Parse(strings.Fields(args)); err != nil {
			t.Fatal(err)
		}
		_, err := f.options()
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", args, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want an error with %q", args, err, want)
		}
	}
}
