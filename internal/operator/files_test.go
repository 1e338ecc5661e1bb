package operator

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/client-go/util/cert"
)

func TestACertificateThatComesAfterAStartIsServed(t *testing.T) {
	t.Run("[F1] TLS files that are missing before a start, and later", func(t *testing.T) {
		crt, key, err := cert.GenerateSelfSignedCertKey("localhost", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		directory := t.TempDir()
		files := &certificateFiles{certificate: filepath.Join(directory, "tls.crt"), key: filepath.Join(directory, "tls.key")}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- files.watch(ctx) }()
		if _, err := files.get(nil); err == nil || files.check() == nil {
			t.Error("there is a certificate")
		}
		for name, content := range map[string][]byte{files.certificate: crt, files.key: key} {
			if err := os.WriteFile(name, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for files.watcher.Load() == nil {
			select {
			case err := <-ended:
				t.Fatal(err)
			case <-time.After(10 * time.Millisecond):
			}
		}
		if _, err := files.get(nil); err != nil || files.check() != nil {
			t.Errorf("when it has come: %v", err)
		}
		if err := os.Remove(files.key); err != nil {
			t.Fatal(err)
		}
		if _, err := files.get(nil); err != nil || files.check() == nil {
			t.Errorf("when it is gone again: %v", err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
