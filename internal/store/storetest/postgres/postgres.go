// Package postgres starts PostgreSQL servers for tests, each on files of its own, from the binaries
// that are installed.
package postgres

import (
	"bytes"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// watch runs a server until its own standard input ends, which it does too when the test is killed.
const watch = `"$@" & server=$!; cat >/dev/null; kill -QUIT $server; wait $server`

// Start runs a PostgreSQL server until the test ends, and returns the URI of its empty database. The
// server may not answer yet: whoever connects has to try again. It fails the test where PostgreSQL is
// not installed.
func Start(tb testing.TB) string {
	tb.Helper()
	directory := newDirectory(tb)
	owner := ownerOf(tb, directory)
	data := filepath.Join(directory, "data")
	initialize := command(tb, owner, "initdb", "--pgdata="+data, "--username=postgres", "--auth=trust",
		"--encoding=UTF8", "--no-locale", "--no-sync")
	if output, err := initialize.CombinedOutput(); err != nil {
		tb.Fatalf("making the files of PostgreSQL: %v\n%s", err, output)
	}
	// No port, so no two servers can want the same one. What is in it need not outlive the machine.
	server := command(tb, owner, "postgres", "-D", data, "-k", directory, "-c", "listen_addresses=", "-c", "fsync=off")
	server.Args = append([]string{"sh", "-c", watch, "sh", server.Path}, server.Args[1:]...)
	server.Path = shell(tb)
	run(tb, server)
	return "postgres://postgres@/postgres?" + url.Values{"host": {directory}}.Encode()
}

func run(tb testing.TB, server *exec.Cmd) {
	tb.Helper()
	var output bytes.Buffer
	server.Stdout, server.Stderr = &output, &output
	stdin, writer := pipe(tb)
	server.Stdin = stdin
	server.WaitDelay = time.Minute // a process of the server's that lingers may still hold the output open
	if err := server.Start(); err != nil {
		tb.Fatalf("starting PostgreSQL: %v", err)
	}
	tb.Cleanup(func() {
		_ = writer.Close()
		_ = server.Wait()
		_ = stdin.Close()
		if tb.Failed() {
			tb.Logf("PostgreSQL wrote:\n%s", output.String())
		}
	})
}

// pipe returns a file and not a reader, since Wait would otherwise wait for somebody to read it.
func pipe(tb testing.TB) (*os.File, io.WriteCloser) {
	tb.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		tb.Fatal(err)
	}
	return reader, writer
}

// newDirectory is not t.TempDir: other users can't enter that one, and its name may be too long for
// the socket.
func newDirectory(tb testing.TB) string {
	tb.Helper()
	directory, err := os.MkdirTemp("", "postgres-") //nolint:usetesting // see above
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(directory) })
	return directory
}

// ownerOf gives the directory to the user as whom PostgreSQL will run, and returns who that is:
// somebody else if we are root, whom PostgreSQL refuses, otherwise nil.
func ownerOf(tb testing.TB, directory string) *syscall.Credential {
	tb.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, gid := number(tb, account.Uid), number(tb, account.Gid)
		if err := os.Chown(directory, int(uid), int(gid)); err != nil {
			tb.Fatal(err)
		}
		return &syscall.Credential{Uid: uid, Gid: gid}
	}
	tb.Fatal("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
	return nil
}

func number(tb testing.TB, text string) uint32 {
	tb.Helper()
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		tb.Fatal(err)
	}
	return uint32(n)
}

func command(tb testing.TB, owner *syscall.Credential, name string, args ...string) *exec.Cmd {
	tb.Helper()
	cmd := exec.Command(binary(tb, name), args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
	// PostgreSQL goes to where it is called from, which its user may not be allowed to enter.
	cmd.Dir = "/"
	return cmd
}

// binary finds a program of PostgreSQL: in the PATH, or where distributions keep it.
func binary(tb testing.TB, name string) string {
	tb.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/", "/usr/pgsql-*/bin/", "/opt/homebrew/opt/postgresql*/bin/"} {
		if paths, err := filepath.Glob(pattern + name); err == nil && len(paths) > 0 {
			return paths[len(paths)-1]
		}
	}
	tb.Fatalf("PostgreSQL is not installed: there is no %s in the PATH", name)
	return ""
}

func shell(tb testing.TB) string {
	tb.Helper()
	path, err := exec.LookPath("sh")
	if err != nil {
		tb.Fatal(err)
	}
	return path
}
