package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/operator"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest/postgres"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest/server"
)

// storeVariable is the environment variable that says in which store the suite's operator keeps its tuples:
// "embedded", as when nothing is said, or "external", an OpenFGA server on PostgreSQL. With the second every
// spec runs but those with the label embedded.
const storeVariable = "BAILIWICK_TEST_STORE"

// slow is the label of specs that take more than two seconds by their nature: faults, loads, and operators that are killed.
// make test lists all others that do.
const slow = "slow"

// embeddedOnly is the label of specs that are about what only the embedded store does: what its API refuses
// or puts right before OpenFGA sees it, its file, and the dearer conditions that it takes.
const embeddedOnly = "embedded"

// openFGA is the external server of the suite; nil where the suite uses the embedded store.
var openFGA *server.Server

// startStore starts the server that the suite is to use, if any.
func startStore() {
	GinkgoHelper()
	if usesExternal() {
		openFGA = server.Start(GinkgoTB(), server.Options{Engine: "postgres", URI: postgres.Start(GinkgoTB()), HTTP: true})
	}
}

func usesExternal() bool {
	GinkgoHelper()
	chosen := os.Getenv(storeVariable)
	Expect(chosen).To(BeElementOf("", "embedded", "external"), storeVariable)
	return chosen == "external"
}

// storage is where an operator keeps its tuples, and the next one finds them again: the file of an embedded
// store, or a store of this name in an external server.
type storage struct {
	file string

	external *server.Server
	name     string
	// between, if there is one, is whom the operator speaks to instead of the server.
	between *between
}

// storages counts those in external servers, for their names.
var storages int

// newStorage is an empty one, of the kind that the suite uses.
func newStorage() storage {
	GinkgoHelper()
	if openFGA == nil {
		return storage{file: filepath.Join(GinkgoT().TempDir(), "store.db")}
	}
	return newExternalStorage()
}

// newExternalStorage is an empty one in the suite's external server, or in one for this spec.
func newExternalStorage() storage {
	GinkgoHelper()
	storages++
	s := storage{external: openFGA, name: fmt.Sprint("suite-", storages)}
	if s.external == nil {
		uri := filepath.Join(GinkgoT().TempDir(), "external.db")
		s.external = server.Start(GinkgoTB(), server.Options{Engine: "sqlite", URI: uri, HTTP: true})
	}
	return s
}

// putInto has an operator use it.
func (s storage) putInto(options *operator.Options, now func() time.Time) {
	switch {
	case s.between != nil:
		options.Remote = &openfga.RemoteOptions{Address: s.between.address, StoreName: s.name, Timeout: s.between.timeout}
	case s.external != nil:
		options.Remote = new(s.remote())
	default:
		options.Embedded = &operator.EmbeddedOptions{
			EmbeddedOptions: openfga.EmbeddedOptions{Path: s.file, Clock: now},
			API:             openfga.APIOptions{HTTPAddress: "127.0.0.1:0", GRPCAddress: "127.0.0.1:0"},
		}
	}
}

func (s storage) remote() openfga.RemoteOptions {
	return openfga.RemoteOptions{Address: s.external.Address, TLS: true, CAFile: s.external.CAFile, StoreName: s.name, Owner: storeOwner()}
}

// storeOwner identifies the operators of this cluster, which are the owner of their store.
func storeOwner() string {
	GinkgoHelper()
	system := &corev1.Namespace{}
	Expect(k8sClient.Get(ctx, client.ObjectKey{Name: metav1.NamespaceSystem}, system)).To(Succeed())
	return string(system.UID)
}

// arguments have a program use it; address is where that serves the embedded store.
func (s storage) arguments(address string) []string {
	switch {
	case s.between != nil:
		return []string{"--store=external", "--openfga-server=" + s.between.address, "--openfga-tls=false", "--openfga-store-name=" + s.name}
	case s.external != nil:
		return []string{"--store=external", "--openfga-server=" + s.external.Address, "--openfga-ca-file=" + s.external.CAFile, "--openfga-store-name=" + s.name}
	default:
		return []string{"--store-path=" + s.file, "--openfga-http-address=" + address, "--openfga-grpc-address=127.0.0.1:0"}
	}
}

// open opens it beside the operator, or after it, for this spec.
func (s storage) open() store.Store {
	GinkgoHelper()
	var opened store.Store
	var err error
	if s.external != nil {
		opened, err = openfga.Remote(ctx, s.remote())
	} else {
		opened, err = openfga.Embedded(ctx, openfga.EmbeddedOptions{Path: s.file})
	}
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(opened.Close)
	return opened
}

// limits are those by which its operator is told what fits.
func (s storage) limits() state.Limits {
	if s.external != nil {
		return state.Limits{ConditionCost: store.MaxConditionCost}
	}
	return state.Limits{ConditionCost: store.EmbeddedConditionCost}
}
