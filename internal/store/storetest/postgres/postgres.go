// Package postgres starts PostgreSQL servers for tests, each on files of its own, from the binaries
// that are installed.
package postgres

import (
	"bytes"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// watch runs a server until its own standard input ends, which it does too when the test is killed.
const watch = `"$@" & server=$!; cat >/dev/null; kill -QUIT $server; wait $server`

// Start runs a PostgreSQL server until the test ends, and returns the URI of its empty database. The
// server may not answer yet: whoever connects has to try again. It fails the test where PostgreSQL is
// not installed.
func Start(t testing.TB) string {
	t.Helper()
	directory := newDirectory(t)
	owner := ownerOf(t, directory)
	data := filepath.Join(directory, "data")
	initialize := command(t, owner, "initdb", "--pgdata="+data, "--username=postgres", "--auth=trust",
		"--encoding=UTF8", "--no-locale", "--no-sync")
	if output, err := initialize.CombinedOutput(); err != nil {
		t.Fatalf("making the files of PostgreSQL: %v\n%s", err, output)
	}
	// No port, so no two servers can want the same one. What is in it need not outlive the machine.
	server := command(t, owner, "postgres", "-D", data, "-k", directory, "-c", "listen_addresses=", "-c", "fsync=off")
	server.Args = append([]string{"sh", "-c", watch, "sh", server.Path}, server.Args[1:]...)
	server.Path = shell(t)
	run(t, server)
	return "postgres://postgres@/postgres?" + url.Values{"host": {directory}}.Encode()
}

func run(t testing.TB, server *exec.Cmd) {
	t.Helper()
	var output bytes.Buffer
	server.Stdout, server.Stderr = &output, &output
	stdin, writer := pipe(t)
	server.Stdin = stdin
	if err := server.Start(); err != nil {
		t.Fatalf("starting PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		_ = writer.Close()
		_ = server.Wait()
		_ = stdin.Close()
		if t.Failed() {
			t.Logf("PostgreSQL wrote:\n%s", output.String())
		}
	})
}

// pipe returns a file and not a reader, since Wait would otherwise wait for somebody to read it.
func pipe(t testing.TB) (*os.File, io.WriteCloser) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return reader, writer
}

// newDirectory is not t.TempDir: other users can't enter that one, and its name may be too long for
// the socket.
func newDirectory(t testing.TB) string {
	t.Helper()
	directory, err := os.MkdirTemp("", "postgres-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(directory) })
	return directory
}

// ownerOf gives the directory to the user as whom PostgreSQL will run, and returns who that is:
// somebody else if we are root, whom PostgreSQL refuses, otherwise nil.
func ownerOf(t testing.TB, directory string) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, gid := number(t, account.Uid), number(t, account.Gid)
		if err := os.Chown(directory, uid, gid); err != nil {
			t.Fatal(err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	t.Fatal("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
	return nil
}

func number(t testing.TB, text string) int {
	t.Helper()
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}

func command(t testing.TB, owner *syscall.Credential, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(binary(t, name), args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
	// PostgreSQL goes to where it is called from, which its user may not be allowed to enter.
	cmd.Dir = "/"
	return cmd
}

// binary finds a program of PostgreSQL: in the PATH, or where distributions keep it.
func binary(t testing.TB, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/", "/usr/pgsql-*/bin/", "/opt/homebrew/opt/postgresql*/bin/"} {
		if paths, err := filepath.Glob(pattern + name); err == nil && len(paths) > 0 {
			return paths[len(paths)-1]
		}
	}
	t.Fatal(fmt.Sprintf("PostgreSQL is not installed: there is no %s in %s", name, strings.ReplaceAll(os.Getenv("PATH"), ":", ", ")))
	return ""
}

func shell(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	return path
}
