package tuplesync_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

// content is what a store holds, or should hold: its tuples without conditions, and the conditions of its
// cells, whichever of their places they are in.
type content struct {
	tuples map[store.Key]bool
	cells  map[tuples.Cell][]string
}

func newContent() content { return content{map[store.Key]bool{}, map[tuples.Cell][]string{}} }

// text tells contexts apart.
func text(context *structpb.Struct) string {
	if context == nil || context == tuples.ForGood {
		return "no condition"
	}
	encoded, err := proto.MarshalOptions{Deterministic: true}.Marshal(context)
	if err != nil {
		panic(err)
	}
	return string(encoded)
}

func contentOf(facts map[store.Key]*structpb.Struct) content {
	c := newContent()
	for key, context := range facts {
		cell, _, inCell := tuples.CellOf(key)
		switch {
		case inCell:
			c.cells[cell] = append(c.cells[cell], text(context))
		case context == nil:
			c.tuples[key] = true
		default:
			c.cells[tuples.Cell{Object: fmt.Sprint(key)}] = []string{"under a condition, and should have none"}
		}
	}
	for _, texts := range c.cells {
		slices.Sort(texts)
	}
	return c
}

func (w *world) wanted() content {
	c := newContent()
	for _, key := range w.state.DesiredTuples() {
		c.tuples[key] = true
	}
	for _, cell := range w.state.DesiredCells() {
		c.cells[cell] = textsOf(w.state.Contexts(cell))
	}
	return c
}

func textsOf(contexts []*structpb.Struct) (texts []string) {
	for _, context := range contexts {
		texts = append(texts, text(context))
	}
	slices.Sort(texts)
	return texts
}

// expectWhole compares the whole store with all that is wanted.
func (w *world) expectWhole() {
	w.Helper()
	got, want := contentOf(w.fake.Tuples()), w.wanted()
	if len(want.tuples) == 0 {
		w.Fatal("nothing is wanted, so nothing is tested")
	}
	if !maps.Equal(got.tuples, want.tuples) {
		w.Errorf("the store has the tuples %v, want %v", slices.Collect(maps.Keys(got.tuples)), slices.Collect(maps.Keys(want.tuples)))
	}
	for cell := range merged(got.cells, want.cells) {
		if !slices.Equal(got.cells[cell], want.cells[cell]) {
			w.Errorf("%v holds %d contexts, and should hold %d, or others: %.200q, want %.200q",
				cell, len(got.cells[cell]), len(want.cells[cell]), got.cells[cell], want.cells[cell])
		}
	}
}

func merged[K comparable, V any](a, b map[K]V) map[K]V {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// write is one that has happened.
type write struct {
	writes  []store.Tuple
	deletes []store.Key
}

func (w write) size() int { return len(w.writes) + len(w.deletes) }

func (w write) bytes() (bytes int) {
	for _, tuple := range w.writes {
		bytes += proto.Size(tuple.Context)
	}
	return bytes
}

// recorder remembers what reaches a store.
type recorder struct {
	mu     sync.Mutex
	writes []write
	gets   []store.Key
	walks  int
}

// record counts all calls from now on.
func (w *world) record() *recorder {
	r := &recorder{}
	w.hook(r.hooks())
	return r
}

func (r *recorder) hooks() storetest.Hooks {
	return storetest.Hooks{
		Written: func(_ context.Context, writes []store.Tuple, deletes []store.Key) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.writes = append(r.writes, write{slices.Clone(writes), slices.Clone(deletes)})
			return nil
		},
		Get: func(_ context.Context, key store.Key) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.gets = append(r.gets, key)
			return nil
		},
		Walk: func(context.Context) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.walks++
			return nil
		},
	}
}

// gate holds up who comes to it until it is opened.
type gate struct{ opened chan struct{} }

func newGate() gate { return gate{make(chan struct{})} }

func (g gate) open() { close(g.opened) }

// pass holds up a write.
func (g gate) pass(context.Context, []store.Tuple, []store.Key) error {
	<-g.opened
	return nil
}
