package openfga_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest/server"
)

func TestRemoteIsUnavailableWhileTheServerIsDown(t *testing.T) {
	running := startOnSQLite(t)
	remote := openRemote(t, optionsFor(t, running))
	write(t, remote, granted)
	for range 2 {
		running.Stop()
		_, _, get := remote.Get(t.Context(), granted.Key)
		_, check := remote.Check(t.Context(), asked)
		expectUnavailable(t, get)
		expectUnavailable(t, check)
		expectUnavailable(t, remote.Write(t.Context(), []store.Tuple{granted}, nil))
		expectUnavailable(t, remote.Walk(t.Context(), func(store.Tuple) error { return nil }))
		expectUnavailable(t, remote.Ping(t.Context()))
		_, err := openfga.Remote(t.Context(), optionsFor(t, running))
		expectUnavailable(t, err)
		running.Restart(t)
		gomega.NewWithT(t).Eventually(remote.Ping, patience).WithContext(t.Context()).Should(gomega.Succeed())
		expectCheck(t, remote, true)
	}
}

func TestRemoteIsUnavailableWhereNobodyAnswers(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	// The context has no deadline: the call has to end by itself.
	_, err = openfga.Remote(t.Context(), openfga.RemoteOptions{
		Address: silent.Addr().String(), Owner: "here", Timeout: 50 * time.Millisecond,
	})
	expectUnavailable(t, err)
}

func TestRemoteReadsItsKeyAnew(t *testing.T) {
	const second, wrong = "a second key", "a key that is none"
	running := server.Start(t, server.Options{
		Engine: "sqlite", URI: filepath.Join(t.TempDir(), "openfga.db"), Keys: []string{preSharedKey, second},
	})
	options := optionsFor(t, running)
	remote := openRemote(t, options)
	replace := func(key string) {
		if err := os.WriteFile(options.KeyFile, []byte(key), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	replace(second)
	if err := remote.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{wrong, "", " \n"} {
		replace(bad)
		err := remote.Ping(t.Context())
		expectUnavailable(t, err)
		if err != nil && strings.Contains(err.Error(), wrong) {
			t.Errorf("the error shows the key: %v", err)
		}
	}
	replace(preSharedKey + "\n")
	if err := remote.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRemoteTrustsNobodyElse(t *testing.T) {
	running, other := startOnSQLite(t), startOnSQLite(t)
	for name, authority := range map[string]string{"the system's authorities": "", "another authority": other.CAFile} {
		t.Run(name, func(t *testing.T) {
			options := optionsFor(t, running)
			options.CAFile = authority
			_, err := openfga.Remote(t.Context(), options)
			expectUnavailable(t, err)
			if err != nil && !strings.Contains(err.Error(), "certificate") {
				t.Errorf("got %v, want it to be about the certificate", err)
			}
		})
	}
}

func TestRemoteSaysWhatIsWrongWithItsOptions(t *testing.T) {
	for name, test := range map[string]struct {
		options openfga.RemoteOptions
		want    string
	}{
		"key without TLS":   {openfga.RemoteOptions{Owner: "here", KeyFile: fileWith(t, "key")}, "needs TLS"},
		"no key file":       {openfga.RemoteOptions{Owner: "here", TLS: true, KeyFile: "/nowhere/key"}, "/nowhere/key"},
		"empty key file":    {openfga.RemoteOptions{Owner: "here", TLS: true, KeyFile: fileWith(t, "\n")}, "is empty"},
		"CA without TLS":    {openfga.RemoteOptions{Owner: "here", CAFile: fileWith(t, "")}, "TLS is off"},
		"no CA file":        {openfga.RemoteOptions{Owner: "here", TLS: true, CAFile: "/nowhere/ca"}, "/nowhere/ca"},
		"CA file with junk": {openfga.RemoteOptions{Owner: "here", TLS: true, CAFile: fileWith(t, "junk")}, "no certificate"},
		"no owner":          {openfga.RemoteOptions{Address: "127.0.0.1:1"}, "needs an owner"},
		"address with junk": {openfga.RemoteOptions{Owner: "here", Address: "%zz://"}, "%zz"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openfga.Remote(t.Context(), test.options)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}
