package inprocess

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/storage"
)

// memory keeps objects as etcd does, encoded by the server's own codec. It offers what creating, reading, replacing and
// deleting an object need; whatever else would be asked of it is a nil pointer, and so a test that fails.
type memory struct {
	storage.Interface

	codec     runtime.Codec
	versioner storage.APIObjectVersioner

	lock    sync.Mutex
	last    uint64
	objects map[string]stored
}

type stored struct {
	data     []byte
	revision uint64
}

func newMemory(codec runtime.Codec) *memory {
	return &memory{codec: codec, objects: map[string]stored{}}
}

func (m *memory) Versioner() storage.Versioner { return m.versioner }

func (*memory) ReadinessCheck() error { return nil }

func (m *memory) Create(_ context.Context, key string, object, out runtime.Object, _ uint64) error {
	if version, err := m.versioner.ObjectResourceVersion(object); err == nil && version != 0 {
		return storage.ErrResourceVersionSetOnCreate
	}
	m.lock.Lock()
	defer m.lock.Unlock()
	if _, exists := m.objects[key]; exists {
		return storage.NewKeyExistsError(key, 0)
	}
	if err := m.put(key, object); err != nil {
		return err
	}
	return m.read(key, out)
}

func (m *memory) Get(_ context.Context, key string, options storage.GetOptions, out runtime.Object) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	if _, exists := m.objects[key]; !exists && options.IgnoreNotFound {
		return runtime.SetZeroValue(out)
	}
	return m.read(key, out)
}

func (m *memory) Delete(
	ctx context.Context, key string, out runtime.Object, preconditions *storage.Preconditions, validate storage.ValidateObjectFunc, _ runtime.Object, _ storage.DeleteOptions,
) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	if err := m.read(key, out); err != nil {
		return err
	}
	if err := preconditions.Check(key, out); err != nil {
		return err
	}
	if err := validate(ctx, out); err != nil {
		return err
	}
	delete(m.objects, key)
	return nil
}

// put and read are called with the lock held.
func (m *memory) put(key string, object runtime.Object) error {
	if err := m.versioner.PrepareObjectForStorage(object); err != nil {
		return err
	}
	data, err := runtime.Encode(m.codec, object)
	if err != nil {
		return err
	}
	m.last++
	m.objects[key] = stored{data, m.last}
	return nil
}

func (m *memory) read(key string, out runtime.Object) error {
	found, exists := m.objects[key]
	if !exists {
		return storage.NewKeyNotFoundError(key, 0)
	}
	if _, _, err := m.codec.Decode(found.data, nil, out); err != nil {
		return err
	}
	return m.versioner.UpdateObject(out, found.revision)
}
