package openfga_test

import (
	"fmt"
	"testing"
	"time"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	"google.golang.org/protobuf/proto"

	"github.com/bailiwick-dev/bailiwick/internal/condition"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
)

// A stock server takes 256 KB of model, and 512 bytes of expression.
func TestTheModelFitsAStockServer(t *testing.T) {
	if size := proto.Size(openfga.Model()); size > 256<<10 {
		t.Errorf("the model has %d bytes", size)
	}
	expression := openfga.Model().GetConditions()[condition.Name].GetExpression()
	if len(expression) > 512 {
		t.Errorf("the expression has %d bytes", len(expression))
	}
}

// What a tuple says for itself no request can say for it, on any server and without our guard.
func TestARequestCannotGiveItself(t *testing.T) {
	running := startOnSQLite(t)
	remote, client := openRemote(t, optionsFor(t, running)), anyone(t, running)
	write(t, remote, granted)
	everything := map[string]any{"App:Root": true}
	always := map[string]any{"App:Root": []any{map[string]any{
		"from": "2000-01-01T00:00:00Z", "until": "3000-01-01T00:00:00Z", "values": map[string]any{}, "tests": []any{},
	}}}
	check := func(context map[string]any) bool {
		context["permission"], context["current_time"] = "App:Root", "2030-01-01T00:00:00Z"
		context["attributes"] = map[string]any{}
		response, err := client.Check(t.Context(), &openfgav1.CheckRequest{
			StoreId:  remote.StoreID(),
			TupleKey: &openfgav1.CheckRequestTupleKey{Object: asked.Object, Relation: asked.Relation, User: asked.User},
			Context:  object(context),
		})
		if err != nil {
			t.Fatal(err)
		}
		return response.GetAllowed()
	}
	for name, context := range map[string]map[string]any{
		"permissions": {"permissions": everything},
		"rules":       {"rules": always},
		"both":        {"permissions": everything, "rules": always},
	} {
		if check(context) {
			t.Errorf("%s in the request's context gave what no tuple says", name)
		}
	}
	write(t, remote, store.Tuple{
		Key:     store.Key{Object: asked.Object, Relation: "grant_b", User: asked.User},
		Context: conditions(nil, always),
	})
	if !check(map[string]any{}) {
		t.Error("the same rule in a tuple gives nothing: the test proves nothing")
	}
}

// The limit is exact: a stock server evaluates up to a cost of 100, the embedded one far beyond.
func TestTheEmbeddedServerEvaluatesMoreThanAStockOne(t *testing.T) {
	stock, embedded := openRemote(t, optionsFor(t, startOnSQLite(t))), openEmbedded(t, "")
	for windows, fits := range map[int]bool{6: true, 7: false, 200: false} {
		t.Run(fmt.Sprintf("%d windows", windows), func(t *testing.T) {
			rules := make([]any, 0, windows)
			for i := range windows {
				rules = append(rules, map[string]any{
					"from":   asked.Time.Add(time.Duration(i+1-windows) * time.Hour).Format(time.RFC3339),
					"until":  asked.Time.Add(time.Duration(i+1-windows)*time.Hour + time.Minute).Format(time.RFC3339),
					"values": map[string]any{}, "tests": []any{},
				})
			}
			tuple := store.Tuple{
				Key:     store.Key{Object: asked.Object, Relation: "grant_a", User: asked.User},
				Context: conditions(nil, map[string]any{asked.Permission: rules}),
			}
			write(t, embedded, tuple)
			write(t, stock, tuple)
			expectCheck(t, embedded, true)
			if fits {
				expectCheck(t, stock, true)
			} else {
				_, err := stock.Check(t.Context(), asked)
				expectRefused(t, err)
			}
			for _, s := range []store.Store{stock, embedded} {
				if err := s.Write(t.Context(), nil, []store.Key{tuple.Key}); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
