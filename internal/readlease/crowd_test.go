package readlease

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/engine"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// Its requests go on while nobody hears them.
func TestARequestIsRememberedAsLongAsItsGrantCouldBeOfUse(t *testing.T) {
	inWorld(t, func(w *world) {
		leader, reader := w.lead("leader", "100"), w.start("reader", "100")
		sleep(time.Minute)
		leader.stops()
		sleep(forgottenAfter / 2)
		if made, kept := reader.reading.request, len(reader.reading.requests); made < 500 || kept > 2*renewals {
			t.Errorf("of %d requests it remembers %d", made, kept)
		}
		leader.cut, leader.deaf = false, false
		sleep(duration)
		reader.expect(true, "when the leader is back")
	})
}

// asks shows a leader that so many processes of a host ask for leases.
func (r *replica) asks(host string, processes int) {
	r.Leases.mu.Lock()
	epoch := r.leading.epoch
	r.Leases.mu.Unlock()
	for n := range processes {
		name := fmt.Sprintf("%s%s-%08d", readerPrefix, host, n)
		r.Seen(r.leaseOf(name, name, note{Request: 1, Epoch: epoch, Includes: engine.Position{"User": "100"}}))
	}
}

// holding counts the leases that a leader has granted, by a part of their names.
func (r *replica) holding(part string) (count int) {
	sleep(retryEvery)
	for name := range r.leading.holders {
		if strings.Contains(name, part) {
			count++
		}
	}
	return count
}

func TestOnePodTakesNobodyElsesLease(t *testing.T) {
	inWorld(t, func(w *world) {
		leader := w.lead("leader", "100")
		leader.asks("some", maxReadersOfHost)
		if count := leader.holding("some"); count != maxReadersOfHost {
			t.Errorf("%d processes of a Pod have leases, want %d", count, maxReadersOfHost)
		}
		leader.asks("many", 10_000)
		if count := leader.holding("many"); count != maxReadersOfHost {
			t.Errorf("%d processes of a Pod have leases, want %d", count, maxReadersOfHost)
		}
		reader := w.start("reader", "100")
		reader.expect(true, "beside a Pod that asks for many")
		sleep(duration)
		leader.asks("many", 10_000)
		sleep(retryEvery)
		reader.expect(true, "when the lease was renewed")
		if count := leader.holding("many"); count != maxReadersOfHost {
			t.Errorf("%d processes of a Pod have leases when others have ended, want %d", count, maxReadersOfHost)
		}
	})
}

func TestSoManyReplicasHaveLeases(t *testing.T) {
	inWorld(t, func(w *world) {
		leader := w.lead("leader", "100")
		reader := w.start("reader", "100")
		reader.expect(true, "before")
		for n := range 2 * maxReaders {
			leader.asks(fmt.Sprint("host", n), 1)
		}
		if count := leader.holding(""); count != maxReaders {
			t.Errorf("%d replicas have leases, want %d", count, maxReaders)
		}
		reader.expect(true, "with others")
	})
}

// Kubernetes refuses objects with more in their annotations.
func TestTheLeadersWordHasRoom(t *testing.T) {
	const maxAnnotations = 256 << 10
	largest := word{Epoch: strings.Repeat("e", 36), Rules: strings.Repeat("r", 300), Readers: map[string]grant{}, HistoryVersion: 1 << 62}
	everywhere := engine.Position{kinds.Namespace: strings.Repeat("9", 19)}
	for _, kind := range kinds.All {
		everywhere[kind.Name] = strings.Repeat("9", 19)
	}
	for range maxReaders {
		largest.Readers[readerPrefix+NewName(strings.Repeat("host", 20))] = grant{Request: 1 << 62, Since: everywhere, At: time.Now()}
	}
	all := state.History{}
	for n := range 10_000 {
		all[fmt.Sprint("organization-", n)] = state.OrganizationHistory{Digest: strings.Repeat("d", 43)}
	}
	largest.History, _ = bounded(all)
	if length := len(written(largest)); length > maxAnnotations-4096 {
		t.Errorf("it has %d bytes, and annotations have room for %d", length, maxAnnotations)
	}
}

// Where its Pod is not found in a Lease's name, it has the room of others.
func TestALeaseIsOfItsHost(t *testing.T) {
	for _, host := range []string{"pod", "bailiwick-decisions-5d8f7c9b4-abcde", strings.Repeat("h", 63)} {
		one, other := readerPrefix+NewName(host), readerPrefix+NewName(host)
		if one == other || hostOf(one) != hostOf(other) || hostOf(one) != readerPrefix+host+"-" {
			t.Errorf("of %s: %s and %s are of %s and %s", host, one, other, hostOf(one), hostOf(other))
		}
	}
}

// Somebody may have made any number of Leases, and deleted the leader's.
func TestANewLeaderBeginsAmongMoreLeasesThanItsWordHasRoomFor(t *testing.T) {
	inWorld(t, func(w *world) {
		before, reader := w.lead("before", "100"), w.start("reader", "100")
		sleep(time.Minute)
		before.leads = false
		before.stops()
		reader.stops()
		for n := range maxReaders {
			name := fmt.Sprintf("%sother-%08d", readerPrefix, n)
			if err := w.cluster.Create(t.Context(), reader.leaseOf(name, name, note{Request: 1})); err != nil {
				t.Fatal(err)
			}
		}
		word := reader.leaseOf(wordName, "", nil)
		if err := w.cluster.Delete(t.Context(), word); err != nil {
			t.Fatal(err)
		}
		next := w.lead("next", "100")
		if err := w.cluster.Get(t.Context(), client.ObjectKeyFromObject(word), word); err != nil {
			t.Fatal(err)
		}
		if said, err := readWord(word); err != nil || len(said.Readers) != 1 {
			t.Errorf("its word is about %d readers, want one that stands for all: %v", len(said.Readers), err)
		}
		next.waitsForTheLeaseOf(reader)
	})
}
