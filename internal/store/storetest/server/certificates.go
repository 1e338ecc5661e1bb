package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc/credentials"
)

// certificates are files in PEM.
type certificates struct{ authority, certificate, key string }

// newCertificates makes a certificate for 127.0.0.1, signed by an authority of its own.
func newCertificates(tb testing.TB) certificates {
	tb.Helper()
	authorityKey, serverKey := newKey(tb), newKey(tb)
	authority := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "test authority"},
		NotAfter:              time.Now().AddDate(0, 0, 1),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		Subject:      pkix.Name{CommonName: "test server"},
		NotAfter:     time.Now().AddDate(0, 0, 1),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	key, err := x509.MarshalPKCS8PrivateKey(serverKey)
	if err != nil {
		tb.Fatal(err)
	}
	directory := tb.TempDir()
	return certificates{
		authority:   write(tb, directory, "ca.crt", "CERTIFICATE", sign(tb, authority, authority, authorityKey, authorityKey)),
		certificate: write(tb, directory, "tls.crt", "CERTIFICATE", sign(tb, server, authority, serverKey, authorityKey)),
		key:         write(tb, directory, "tls.key", "PRIVATE KEY", key),
	}
}

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func sign(tb testing.TB, certificate, issuer *x509.Certificate, key, issuerKey *ecdsa.PrivateKey) []byte {
	tb.Helper()
	der, err := x509.CreateCertificate(rand.Reader, certificate, issuer, key.Public(), issuerKey)
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

func write(tb testing.TB, directory, name, kind string, der []byte) string {
	tb.Helper()
	path := filepath.Join(directory, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

func trusting(tb testing.TB, authority string) credentials.TransportCredentials {
	tb.Helper()
	trusted, err := credentials.NewClientTLSFromFile(authority, "")
	if err != nil {
		tb.Fatal(err)
	}
	return trusted
}
