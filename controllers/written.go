package controllers

import (
	"errors"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// errBehind says that the cache does not show yet what was written last.
var errBehind = errors.New("the cache does not show the last status that was written")

// longestLag is how long a cache is waited for. One that shows an older object for longer does so since the cluster has
// been restored from a backup: resource versions have gone back.
const longestLag = 30 * time.Second

// written knows the statuses that were written and that the cache may not show yet. By what the cache shows instead,
// they would be written, said in events and counted once more, or not taken back.
type written struct {
	mu   sync.Mutex
	last map[types.NamespacedName]write
}

// write is the last write of an object's status.
type write struct {
	uid     types.UID
	version string
	at      time.Time
}

// record notes that the status of an object has been written.
func (w *written) record(before, after client.Object) {
	if before.GetResourceVersion() == after.GetResourceVersion() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last == nil {
		w.last = map[types.NamespacedName]write{}
	}
	w.last[client.ObjectKeyFromObject(after)] = write{uid: after.GetUID(), version: after.GetResourceVersion(), at: time.Now()}
}

// isAheadOf says whether an object is older than what was written last. Once it is not, that is forgotten.
func (w *written) isAheadOf(cached client.Object) bool {
	key := client.ObjectKeyFromObject(cached)
	w.mu.Lock()
	defer w.mu.Unlock()
	last, ok := w.last[key]
	if !ok {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(cached.GetResourceVersion(), last.version)
	if err == nil && order < 0 && cached.GetUID() == last.uid && time.Since(last.at) < longestLag {
		return true
	}
	delete(w.last, key)
	return false
}

// forget forgets an object that is gone.
func (w *written) forget(key types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.last, key)
}
