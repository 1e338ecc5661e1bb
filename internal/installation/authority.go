package installation

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

const (
	authorityFile = "ca.crt"
	authorityKey  = "ca.key"

	// An authority is replaced when less than authorityReserve of its lifetime is left, a serving certificate
	// when less than servingReserve is. A certificate counts from backdated before it is made, because clocks
	// of nodes differ.
	authorityLifetime = 10 * 365 * 24 * time.Hour
	authorityReserve  = 365 * 24 * time.Hour
	servingLifetime   = 90 * 24 * time.Hour
	servingReserve    = 30 * 24 * time.Hour
	backdated         = time.Hour
)

// authority is the certificate authority that the API server trusts for the webhook, and applications for AuthZEN
// where nobody has given a certificate.
type authority struct {
	pair tls.Certificate
	// crt and key are the authority as its Secret has it. crt may hold the authority before this one, too,
	// so that replicas that still serve by that are trusted.
	crt, key []byte
}

// parseAuthority reads an authority from its Secret. It fails for one that is about to end.
func parseAuthority(data map[string][]byte, now time.Time) (*authority, error) {
	if len(data[authorityFile]) == 0 || len(data[authorityKey]) == 0 {
		return nil, fmt.Errorf("%s or %s is missing or empty", authorityFile, authorityKey)
	}
	pair, err := tls.X509KeyPair(data[authorityFile], data[authorityKey])
	if err != nil {
		return nil, fmt.Errorf("reading %s and %s: %w", authorityFile, authorityKey, err)
	}
	a := &authority{pair: pair, crt: data[authorityFile], key: data[authorityKey]}
	switch {
	case !pair.Leaf.IsCA:
		return nil, fmt.Errorf("%s is no certificate authority", authorityFile)
	case !a.usable(now):
		return nil, fmt.Errorf("%s is valid from %s to %s only", authorityFile, pair.Leaf.NotBefore.Format(time.RFC3339), pair.Leaf.NotAfter.Format(time.RFC3339))
	}
	return a, nil
}

func (a *authority) usable(now time.Time) bool {
	return !now.Before(a.pair.Leaf.NotBefore) && a.pair.Leaf.NotAfter.Sub(now) > authorityReserve
}

// newAuthority makes an authority. It goes on trusting the one before, if there is one.
func newAuthority(before *authority, now time.Time) (*authority, error) {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "bailiwick webhook authority"},
		NotBefore:             now.Add(-backdated),
		NotAfter:              now.Add(authorityLifetime),
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	pair, err := issue(template, nil)
	if err != nil {
		return nil, err
	}
	crt, key, err := encode(pair)
	if err != nil {
		return nil, err
	}
	made := &authority{pair: *pair, crt: crt, key: key}
	if before != nil && now.Before(before.pair.Leaf.NotAfter) {
		made.crt = append(made.crt, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: before.pair.Leaf.Raw})...)
	}
	return made, nil
}

// encode is a certificate with its key in PEM.
func encode(pair *tls.Certificate) (crt, key []byte, err error) {
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		return nil, nil, fmt.Errorf("encoding the key of a certificate: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// serve makes a certificate for names, which may be addresses.
func (a *authority) serve(names []string, now time.Time) (*tls.Certificate, error) {
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "bailiwick webhook"},
		NotBefore:   now.Add(-backdated),
		NotAfter:    now.Add(servingLifetime),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if address := net.ParseIP(name); address != nil {
			template.IPAddresses = append(template.IPAddresses, address)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	return issue(template, &a.pair)
}

// signed says whether a serving certificate is the authority's, and not about to end.
func (a *authority) signed(serving *tls.Certificate, now time.Time) bool {
	return serving != nil && serving.Leaf.NotAfter.Sub(now) > servingReserve && serving.Leaf.CheckSignatureFrom(a.pair.Leaf) == nil
}

// issue makes a key and a certificate for it, signed by a parent or, without one, by itself.
func issue(template *x509.Certificate, parent *tls.Certificate) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	const serialBits = 127
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), serialBits)); err != nil {
		return nil, fmt.Errorf("making a serial number: %w", err)
	}
	issuer, signer := template, any(key)
	if parent != nil {
		issuer, signer = parent.Leaf, parent.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), signer)
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate that was made: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}
