package integration

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/types/known/structpb"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/engine"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

// expectWhole expects that the store of the suite's operator comes to hold exactly what all objects of the
// cluster describe, tuple by tuple with their conditions.
func (o *operatorUnderTest) expectWhole() {
	GinkgoHelper()
	expectWhole(o.tuples, o.limits())
}

// expectWhole is the same for any store: held are its tuples as lines, as operatorUnderTest.tuples has them,
// and limits those by which its operator was told what fits.
func expectWhole(held func() ([]string, error), limits state.Limits) {
	GinkgoHelper()
	Eventually(func() error { return compareWhole(held, limits) }).WithPolling(100 * time.Millisecond).Should(Succeed())
}

func compareWhole(held func() ([]string, error), limits state.Limits) error {
	want, err := described(limits)
	if err != nil {
		return err
	}
	got, err := held()
	if err != nil {
		return err
	}
	for n := range got {
		got[n] = unplaced(got[n])
	}
	missing, foreign := difference(want, got)
	if len(missing)+len(foreign) == 0 {
		return nil
	}
	return fmt.Errorf("of %d tuples, %d are missing:\n%s\nand %d are foreign:\n%s",
		len(want), len(missing), firstOf(missing), len(foreign), firstOf(foreign))
}

// described are the tuples that the objects of the cluster say, read now and put into a state of their own,
// which knows nothing of what has been before. In which slot or side a context is says nothing.
func described(limits state.Limits) (lines []string, err error) {
	objects, err := everything()
	if err != nil {
		return nil, err
	}
	state := state.New(limits, clock.RealClock{})
	state.Put(objects...)
	for _, key := range state.DesiredTuples() {
		line, err := lineOf(key, nil)
		if err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	for _, cell := range state.DesiredCells() {
		for _, context := range state.Contexts(cell) {
			if context == tuples.ForGood { // the store holds it without a condition
				context = nil
			}
			line, err := lineOf(cell.Place(0), context)
			if err != nil {
				return nil, err
			}
			lines = append(lines, unplaced(line))
		}
	}
	return lines, nil
}

// linesOf are all tuples of a store, as operatorUnderTest.tuples has them.
func linesOf(from store.Store) (lines []string, err error) {
	err = from.Walk(ctx, func(tuple store.Tuple) error {
		line, err := lineOf(tuple.Key, tuple.Context)
		lines = append(lines, line)
		return err
	})
	return lines, err
}

func lineOf(key store.Key, context *structpb.Struct) (string, error) {
	line := strings.Join([]string{key.Object, key.Relation, key.User}, " ")
	if context == nil {
		return line, nil
	}
	encoded, err := json.Marshal(context.AsMap()) // with sorted keys
	return line + " " + string(encoded), err
}

// everything are all objects that make up the state of the cluster.
func everything() (objects []client.Object, err error) {
	namespaces := &metav1.PartialObjectMetadataList{}
	namespaces.SetGroupVersionKind(engine.NamespaceKind.GroupVersion().WithKind(engine.NamespaceKind.Kind + "List"))
	lists := map[string]client.ObjectList{kinds.Namespace: namespaces}
	for _, kind := range kinds.All {
		lists[kind.Name] = kind.NewList()
	}
	for kind, list := range lists {
		if err := k8sClient.List(ctx, list); err != nil {
			return nil, err
		}
		err := meta.EachListItem(list, func(item runtime.Object) error {
			object := item.(client.Object)
			if kinds.KeptWhileDeleted(kind) || object.GetDeletionTimestamp().IsZero() {
				objects = append(objects, object)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return objects, nil
}

// difference takes both apart as multisets.
func difference(want, got []string) (missing, foreign []string) {
	count := map[string]int{}
	for _, line := range want {
		count[line]++
	}
	for _, line := range got {
		count[line]--
	}
	for line, more := range count {
		for range more {
			missing = append(missing, line)
		}
		for range -more {
			foreign = append(foreign, line)
		}
	}
	slices.Sort(missing)
	slices.Sort(foreign)
	return missing, foreign
}

// firstOf are the first few of many lines.
func firstOf(lines []string) string {
	const few = 5
	return strings.Join(lines[:min(few, len(lines))], "\n")
}
