package installation

import (
	"sync"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// The parts of an installation, as metrics and logs name them.
const (
	PartCertificate = "certificate"
	PartStamping    = "mutating_webhook_configuration"
	PartValidating  = "validating_webhook_configuration"
	PartPolicies    = "admission_policies"
	PartService     = "webhook_service"
	PartClients     = "webhook_client_ca"

	PartKinds        = "crds"
	PartRights       = "rbac"
	PartDecisionKeys = "decision_keys"
	PartOpenFGAKeys  = "openfga_keys"
	PartTLS          = "tls"
	PartSCIMKeys     = "scim_keys"
	PartSCIMTLS      = "scim_tls"
)

var (
	intact = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "bailiwick_installation_ok",
		Help: "1 while a part of the installation is as it has to be, 0 while it is missing, damaged or weaker. Each replica says it.",
	}, []string{"part"})
	writes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "bailiwick_installation_writes_total",
		Help: "How often the operator wrote a part of its installation: at its first start, and whenever somebody else had changed it.",
	}, []string{"part"})
)

func init() { metrics.Registry.MustRegister(intact, writes) }

// Parts says what is the matter with the parts of an installation: always in a metric, and once in the log
// and, on the replica that leads, in an event.
type Parts struct {
	recorder events.EventRecorder
	elected  <-chan struct{}
	log      logr.Logger

	mu sync.Mutex
	// logged and told are the problems that the log and an event are about.
	logged, told map[string]string
}

// NewParts says things through a recorder of events from when elected is closed.
func NewParts(recorder events.EventRecorder, elected <-chan struct{}, log logr.Logger) *Parts {
	return &Parts{recorder: recorder, elected: elected, log: log, logged: map[string]string{}, told: map[string]string{}}
}

// Set says what is the matter with a part; nothing if problem is empty. Events are about object.
func (p *Parts) Set(part string, object runtime.Object, problem string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if problem == "" {
		intact.WithLabelValues(part).Set(1)
	} else {
		intact.WithLabelValues(part).Set(0)
	}
	if p.logged[part] != problem {
		p.logged[part] = problem
		if problem == "" {
			p.log.Info("a part of the installation is as it has to be again", "part", part)
		} else {
			p.log.Error(nil, "a part of the installation is missing, damaged or weaker than installed", "part", part, "problem", problem)
		}
	}
	select {
	case <-p.elected:
	default:
		return
	}
	if p.told[part] == problem {
		return
	}
	p.told[part] = problem
	if problem == "" {
		p.recorder.Eventf(object, nil, corev1.EventTypeNormal, "InstallationRestored", "Check", "it is as it has to be again")
	} else {
		p.recorder.Eventf(object, nil, corev1.EventTypeWarning, "InstallationDamaged", "Check", "%s", problem)
	}
}

// Problem is what is the matter with a part, as far as that was looked at; empty if nothing is.
func (p *Parts) Problem(part string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.logged[part]
}

// Wrote says that the operator has written a part.
func (p *Parts) Wrote(part string, object runtime.Object, what string) {
	writes.WithLabelValues(part).Inc()
	p.log.Info("a part of the installation was written", "part", part, "what", what)
	p.recorder.Eventf(object, nil, corev1.EventTypeNormal, "InstallationWritten", "Write", "%s", what)
}
