// Package server runs stock OpenFGA servers for tests, each in a process of its own, with the limits
// that it has out of the box. The process is the test's own binary, called again: see Main.
package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openfga/openfga/cmd"
	"github.com/openfga/openfga/cmd/migrate"
	"github.com/openfga/openfga/cmd/run"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/bailiwick-dev/bailiwick/test/ports"
	"github.com/bailiwick-dev/bailiwick/test/suspend"
)

// child is the environment variable that tells the test's binary to be an OpenFGA server.
const child = "BAILIWICK_TEST_OPENFGA_SERVER"

// startTimeout bounds how long a server, and the database behind it, may take to answer.
const startTimeout = 2 * time.Minute

// Main is for TestMain: it runs the tests, or, in a process that Start started, OpenFGA.
func Main(m *testing.M) {
	if os.Getenv(child) == "" {
		os.Exit(m.Run())
	}
	// Our standard input ends when whoever started us does, however that happens.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	root := cmd.NewRootCommand()
	root.AddCommand(run.NewRunCommand(), migrate.NewMigrateCommand())
	if err := root.Execute(); err != nil {
		os.Exit(1)
	}
}

// Options say on what a server keeps its data, and whom it answers.
type Options struct {
	// Engine and URI are the database, as OpenFGA names them: "sqlite" and a path, or "postgres" and a
	// URI. It is brought to OpenFGA's schema.
	Engine, URI string
	// Keys are the pre-shared keys that it accepts. Without any it answers everyone.
	Keys []string
	// HTTP has it serve its HTTP API too, in the clear.
	HTTP bool
}

// Server is an OpenFGA server that can be stopped and started again.
type Server struct {
	// Address is where it serves gRPC over TLS, HTTPAddress where it serves HTTP, if it does.
	Address, HTTPAddress string
	// CAFile holds the certificate that has signed the server's.
	CAFile string

	arguments []string
	process   *os.Process
	stop      func()
}

// Start runs a server until the test ends. It answers when Start returns.
func Start(tb testing.TB, options Options) *Server {
	tb.Helper()
	database := []string{"--datastore-engine", options.Engine, "--datastore-uri", options.URI}
	runToEnd(tb, append([]string{"migrate", "--timeout", startTimeout.String()}, database...))
	certificates := newCertificates(tb)
	server := &Server{
		Address: freeAddress(tb),
		CAFile:  certificates.authority,
		stop:    func() {},
	}
	server.arguments = append([]string{
		"run", "--playground-enabled=false", "--metrics-enabled=false", "--log-level", "error",
		// No test is about how slow the machine is.
		"--request-timeout", startTimeout.String(),
		"--grpc-addr", server.Address,
		"--grpc-tls-enabled", "--grpc-tls-cert", certificates.certificate, "--grpc-tls-key", certificates.key,
	}, database...)
	if len(options.Keys) > 0 {
		server.arguments = append(server.arguments,
			"--authn-method", "preshared", "--authn-preshared-keys", strings.Join(options.Keys, ","))
	}
	server.arguments = append(server.arguments, fmt.Sprint("--http-enabled=", options.HTTP))
	if options.HTTP {
		server.HTTPAddress = freeAddress(tb)
		server.arguments = append(server.arguments, "--http-addr", server.HTTPAddress, "--http-upstream-timeout", startTimeout.String())
	}
	tb.Cleanup(func() { server.stop() })
	server.Restart(tb)
	return server
}

// Stop kills the server, as a crash would.
func (s *Server) Stop() {
	s.stop()
	s.stop = func() {}
}

// Pause has the server hang: what it is asked waits for Resume. Stop ends it all the same.
func (s *Server) Pause(tb testing.TB) {
	tb.Helper()
	if err := suspend.Process(s.process); err != nil {
		tb.Fatalf("pausing OpenFGA: %v", err)
	}
}

// Resume has it go on.
func (s *Server) Resume(tb testing.TB) {
	tb.Helper()
	if err := s.process.Signal(syscall.SIGCONT); err != nil {
		tb.Fatalf("resuming OpenFGA: %v", err)
	}
}

// Restart starts a server that was stopped, with the same data and at the same address. It answers
// when Restart returns.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	process := again(s.arguments)
	var output bytes.Buffer
	process.Stdout, process.Stderr = &output, &output
	stdin, err := process.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := process.Start(); err != nil {
		tb.Fatalf("starting OpenFGA: %v", err)
	}
	s.process = process.Process
	s.stop = func() {
		_ = process.Process.Kill()
		_ = process.Wait()
		_ = stdin.Close()
		if tb.Failed() {
			tb.Logf("OpenFGA wrote:\n%s", output.String())
		}
	}
	s.awaitAnswer(tb)
}

func (s *Server) awaitAnswer(tb testing.TB) {
	tb.Helper()
	// Not the test's own context: a cleanup starts a server again, too.
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	connection, err := grpc.NewClient(s.Address, grpc.WithTransportCredentials(trusting(tb, s.CAFile)))
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	health := grpc_health_v1.NewHealthClient(connection)
	if _, err := health.Check(ctx, &grpc_health_v1.HealthCheckRequest{}, grpc.WaitForReady(true)); err != nil {
		tb.Fatalf("waiting for OpenFGA: %v", err)
	}
}

func runToEnd(tb testing.TB, arguments []string) {
	tb.Helper()
	process := again(arguments)
	stdin, err := process.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = stdin.Close() }()
	if output, err := process.CombinedOutput(); err != nil {
		tb.Fatalf("openfga %s: %v\n%s", arguments[0], err, output)
	}
}

// again is this binary as OpenFGA. It gets no other settings than its arguments.
func again(arguments []string) *exec.Cmd {
	process := exec.Command(os.Args[0], arguments...)
	process.Env = []string{child + "=1", "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()}
	return process
}

// freeAddress is one that nobody listens at: OpenFGA can't be given a listener, nor does it say which port it has
// chosen.
func freeAddress(tb testing.TB) string {
	tb.Helper()
	address, err := ports.FreeAddress()
	if err != nil {
		tb.Fatal(err)
	}
	return address
}
