package installation

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestReplicasServeByOneAuthorityEachWithACertificateOfItsOwn(t *testing.T) {
	c := newCluster(t)
	one, _ := start(t, c)
	two, _ := start(t, c)
	expectTrusted(t, c, one)
	expectTrusted(t, c, two)
	if one.serving.Load().Leaf.Equal(two.serving.Load().Leaf) {
		t.Error("both have the same key")
	}
}

// pass lets time pass in a bubble of synctest.
func pass(d time.Duration) { <-time.After(d) }

func TestCertificatesAreReplacedBeforeTheyEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		keeper, recorder := start(t, c)
		first, authority := keeper.serving.Load(), keeper.authority.crt
		said(recorder)
		pass(servingLifetime - servingReserve - time.Minute)
		keeper.check(t.Context())
		if keeper.serving.Load() != first {
			t.Error("it was replaced too early")
		}
		pass(time.Hour)
		keeper.check(t.Context())
		if keeper.serving.Load() == first || !bytes.Equal(authority, keeper.authority.crt) {
			t.Error("the certificate was not replaced, or the authority was")
		}
		if events := said(recorder); events != "" {
			t.Errorf("that wrote something: %q", events)
		}

		pass(authorityLifetime - authorityReserve - servingLifetime)
		keeper.check(t.Context())
		late := keeper.serving.Load()
		pass(servingLifetime)
		keeper.check(t.Context())
		if bytes.Equal(authority, keeper.authority.crt) {
			t.Fatal("the authority was not replaced")
		}
		expectTrusted(t, c, keeper)
		// A replica that has not seen the new one yet is trusted, too.
		trusted := x509.NewCertPool()
		trusted.AppendCertsFromPEM(keeper.authority.crt)
		if _, err := late.Leaf.Verify(x509.VerifyOptions{Roots: trusted, DNSName: dnsName, CurrentTime: late.Leaf.NotBefore.Add(time.Hour)}); err != nil {
			t.Errorf("the authority before is not trusted any more: %v", err)
		}
	})
}

// decisionsSecret is what decision-only replicas mount.
func decisionsSecret(t *testing.T, c *cluster) *corev1.Secret {
	t.Helper()
	secret := &corev1.Secret{}
	if err := c.Get(t.Context(), client.ObjectKey{Name: decisionsSecretName, Namespace: namespace}, secret); err != nil {
		t.Fatal(err)
	}
	return secret
}

func TestDecisionOnlyReplicasHaveACertificate(t *testing.T) {
	const host = "bailiwick-decisions.bailiwick-system.svc"
	begin := func(t *testing.T) (*cluster, *Keeper) {
		t.Helper()
		c := newCluster(t)
		keeper, _ := start(t, c)
		if err := c.Get(t.Context(), client.ObjectKey{Name: decisionsSecretName, Namespace: namespace}, &corev1.Secret{}); !apierrors.IsNotFound(err) {
			t.Errorf("there is one though nobody is asked over a network: %v", err)
		}
		keeper.DecisionHost = host
		keeper.check(t.Context())
		return c, keeper
	}
	expect := func(t *testing.T, c *cluster, keeper *Keeper) {
		t.Helper()
		secret, trusted := decisionsSecret(t, c), x509.NewCertPool()
		trusted.AppendCertsFromPEM([]byte(keeper.Authority()))
		served, err := tls.X509KeyPair(secret.Data["tls.crt"], secret.Data["tls.key"])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := served.Leaf.Verify(x509.VerifyOptions{Roots: trusted, DNSName: host, CurrentTime: time.Now()}); err != nil {
			t.Errorf("what applications trust has not signed it: %v", err)
		}
		if served.Leaf.IsCA || len(secret.Data) != 3 || !bytes.Equal(secret.Data["ca.crt"], keeper.authority.crt) {
			t.Errorf("it has more than a certificate: %v", slices.Collect(maps.Keys(secret.Data)))
		}
	}
	for name, harm := range map[string]func(*testing.T, *cluster, *Keeper){
		"as it was made": func(*testing.T, *cluster, *Keeper) {},
		"deleted":        func(t *testing.T, c *cluster, _ *Keeper) { remove(t, c, decisionsSecret(t, c)) },
		"emptied": func(t *testing.T, c *cluster, _ *Keeper) {
			change(t, c, decisionsSecret(t, c), func(s *corev1.Secret) { s.Data = nil })
		},
		"without its key": func(t *testing.T, c *cluster, _ *Keeper) {
			change(t, c, decisionsSecret(t, c), func(s *corev1.Secret) { delete(s.Data, "tls.key") })
		},
		"of another host": func(t *testing.T, _ *cluster, keeper *Keeper) {
			keeper.DecisionHost = "other.example"
			keeper.check(t.Context())
			keeper.DecisionHost = host
		},
		"when the authority is another": func(t *testing.T, c *cluster, _ *Keeper) {
			change(t, c, c.secret, func(s *corev1.Secret) {
				another := other(t)
				s.Data = map[string][]byte{authorityFile: another.crt, authorityKey: another.key}
			})
		},
	} {
		t.Run("[F1] "+name, func(t *testing.T) {
			c, keeper := begin(t)
			harm(t, c, keeper)
			keeper.check(t.Context())
			expect(t, c, keeper)
			was := decisionsSecret(t, c).ResourceVersion
			keeper.check(t.Context())
			if decisionsSecret(t, c).ResourceVersion != was {
				t.Error("it is written though nothing has changed")
			}
		})
	}
	t.Run("before it ends", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, keeper := begin(t)
			was := decisionsSecret(t, c).ResourceVersion
			pass(servingLifetime - servingReserve - 2*time.Minute)
			keeper.check(t.Context())
			if decisionsSecret(t, c).ResourceVersion != was {
				t.Error("it was replaced too early")
			}
			pass(time.Hour)
			keeper.check(t.Context())
			expect(t, c, keeper)
			if decisionsSecret(t, c).ResourceVersion == was {
				t.Error("it was not replaced")
			}
		})
	})
}
