package integration

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/internal/desired"
	"github.com/bailiwick-dev/bailiwick/internal/operator"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest/postgres"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest/server"
)

// storeVariable is the environment variable that says in which store the suite's operator keeps its tuples:
// "embedded", as when nothing is said, or "external", an OpenFGA server on PostgreSQL. With the second every
// spec runs but those with the label embedded.
const storeVariable = "BAILIWICK_TEST_STORE"

// embeddedOnly is the label of specs that are about what only the embedded store does: what its API refuses
// or puts right before OpenFGA sees it, its file, and the dearer conditions that it takes.
const embeddedOnly = "embedded"

func isExternal() bool { return os.Getenv(storeVariable) == "external" }

// openFGA is the external server of the suite; nil where the suite uses the embedded store.
var openFGA *server.Server

// startStore starts the server that the suite is to use, if any.
func startStore() {
	GinkgoHelper()
	Expect(os.Getenv(storeVariable)).To(BeElementOf("", "embedded", "external"), storeVariable)
	if isExternal() {
		openFGA = server.Start(GinkgoTB(), server.Options{Engine: "postgres", URI: postgres.Start(GinkgoTB()), HTTP: true})
	}
}

// storage is where an operator keeps its tuples. It is found again by the next operator.
type storage struct {
	// file is that of an embedded store, name that of a store in the suite's external server.
	file, name string
}

// storages counts those of the suite.
var storages int

// newStorage is an empty one.
func newStorage() storage {
	GinkgoHelper()
	storages++
	if isExternal() {
		return storage{name: fmt.Sprint("suite-", storages)}
	}
	return storage{file: filepath.Join(GinkgoT().TempDir(), "store.db")}
}

// putInto has an operator use it.
func (s storage) putInto(options *operator.Options, now func() time.Time) {
	if isExternal() {
		options.Remote = new(s.remote())
		return
	}
	options.Embedded = &operator.EmbeddedOptions{
		EmbeddedOptions: openfga.EmbeddedOptions{Path: s.file, Clock: now},
		API:             openfga.APIOptions{HTTPAddress: "127.0.0.1:0", GRPCAddress: "127.0.0.1:0"},
	}
}

func (s storage) remote() openfga.RemoteOptions {
	return openfga.RemoteOptions{Address: openFGA.Address, TLS: true, CAFile: openFGA.CAFile, StoreName: s.name}
}

// arguments have a program use it; address is where that serves the embedded store.
func (s storage) arguments(address string) []string {
	if isExternal() {
		return []string{"--store=external", "--openfga-server=" + openFGA.Address, "--openfga-ca-file=" + openFGA.CAFile, "--openfga-store-name=" + s.name}
	}
	return []string{"--store-path=" + s.file, "--openfga-http-address=" + address, "--openfga-grpc-address=127.0.0.1:0"}
}

// open opens it beside the operator, or after it, for this spec.
func (s storage) open() store.Store {
	GinkgoHelper()
	opened, err := s.connect(ctx)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(opened.Close)
	return opened
}

func (s storage) connect(ctx context.Context) (store.Store, error) {
	if isExternal() {
		return openfga.Remote(ctx, s.remote())
	}
	return openfga.Embedded(ctx, openfga.EmbeddedOptions{Path: s.file})
}

// limitsOfStore are those by which the suite's operator is told what fits.
func limitsOfStore() desired.Limits {
	if isExternal() {
		return desired.Limits{ConditionCost: store.MaxConditionCost}
	}
	return desired.Limits{ConditionCost: store.EmbeddedConditionCost}
}
