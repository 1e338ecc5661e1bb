package openfga_test

import (
	"testing"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	"google.golang.org/protobuf/proto"

	"github.com/bailiwick-dev/bailiwick/internal/condition"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
)

func TestRemoteFindsEverythingAgain(t *testing.T) {
	running := startOnSQLite(t)
	first := openRemote(t, optionsFor(t, running))
	write(t, first, granted)
	again := openRemote(t, optionsFor(t, running))
	if again.StoreID() != first.StoreID() || again.ModelID() != first.ModelID() {
		t.Errorf("opened store %s with model %s, and again %s with %s",
			first.StoreID(), first.ModelID(), again.StoreID(), again.ModelID())
	}
	expectCheck(t, again, true)
}

func TestTheOldestStoreOfTheNameIsUsed(t *testing.T) {
	running := startOnSQLite(t)
	client := anyone(t, running)
	var oldest string
	// More than fit on one page, and one of another name before.
	for _, name := range append([]string{"bailiwick-2"}, repeated("bailiwick", 101)...) {
		response, err := client.CreateStore(t.Context(), &openfgav1.CreateStoreRequest{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		if oldest == "" && name == "bailiwick" {
			oldest = response.GetId()
		}
	}
	if got := openRemote(t, optionsFor(t, running)).StoreID(); got != oldest {
		t.Errorf("opened %s, want the oldest store %s", got, oldest)
	}
}

func TestAnyOtherModelIsReplaced(t *testing.T) {
	running := startOnSQLite(t)
	client := anyone(t, running)
	first := openRemote(t, optionsFor(t, running))
	write(t, first, granted)
	other := openfga.Model()
	other.Conditions[condition.Name].Expression = "permission in permissions || permission in rules && attributes.size() > 0 && current_time > timestamp('2020-01-01T00:00:00Z')"
	_, err := client.WriteAuthorizationModel(t.Context(), &openfgav1.WriteAuthorizationModelRequest{
		StoreId: first.StoreID(), SchemaVersion: other.GetSchemaVersion(),
		TypeDefinitions: other.GetTypeDefinitions(), Conditions: other.GetConditions(),
	})
	if err != nil {
		t.Fatal(err)
	}
	second := openRemote(t, optionsFor(t, running))
	if second.StoreID() != first.StoreID() || second.ModelID() == first.ModelID() {
		t.Errorf("opened store %s with model %s, want store %s with a new model", second.StoreID(), second.ModelID(), first.StoreID())
	}
	expectCheck(t, second, true)
	newest, err := client.ReadAuthorizationModels(t.Context(), &openfgav1.ReadAuthorizationModelsRequest{StoreId: first.StoreID()})
	if err != nil || len(newest.GetAuthorizationModels()) != 3 {
		t.Fatalf("got %v, %v, want three models", newest, err)
	}
	if got := newest.GetAuthorizationModels()[0]; got.GetId() != second.ModelID() || proto.Equal(got, other) {
		t.Errorf("the newest model is %s, want ours, %s", got.GetId(), second.ModelID())
	}
	if got := openRemote(t, optionsFor(t, running)).ModelID(); got != second.ModelID() {
		t.Errorf("opened again, the model is %s, want %s", got, second.ModelID())
	}
}

func repeated(text string, count int) []string {
	made := make([]string, count)
	for i := range made {
		made[i] = text
	}
	return made
}
