package integration

import (
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest/server"
)

// administrator is a client of an OpenFGA server that may do everything, and names no model when it asks.
type administrator struct {
	openfgav1.OpenFGAServiceClient
	store string
}

func administrate(running *server.Server) *administrator {
	GinkgoHelper()
	trusted, err := credentials.NewClientTLSFromFile(running.CAFile, "")
	Expect(err).NotTo(HaveOccurred())
	connection, err := grpc.NewClient(running.Address, grpc.WithTransportCredentials(trusted))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(connection.Close)
	a := &administrator{OpenFGAServiceClient: openfgav1.NewOpenFGAServiceClient(connection)}
	stores, err := a.ListStores(ctx, &openfgav1.ListStoresRequest{})
	Expect(err).NotTo(HaveOccurred())
	Expect(stores.GetStores()).To(HaveLen(1))
	a.store = stores.GetStores()[0].GetId()
	return a
}

// writeModel makes a model the newest, and puts tuples into the store that it takes.
func (a *administrator) writeModel(model *openfgav1.AuthorizationModel, tuples ...*openfgav1.TupleKey) {
	GinkgoHelper()
	written, err := a.WriteAuthorizationModel(ctx, &openfgav1.WriteAuthorizationModelRequest{
		StoreId: a.store, SchemaVersion: model.GetSchemaVersion(), TypeDefinitions: model.GetTypeDefinitions(), Conditions: model.GetConditions(),
	})
	Expect(err).NotTo(HaveOccurred())
	_, err = a.Write(ctx, &openfgav1.WriteRequest{
		StoreId: a.store, AuthorizationModelId: written.GetAuthorizationModelId(), Writes: &openfgav1.WriteRequestWrites{TupleKeys: tuples},
	})
	Expect(err).NotTo(HaveOccurred())
}

// may asks by the newest model, as an application does that was not told which.
func (a *administrator) may(q question) (bool, error) {
	about := map[string]any{"permission": q.Permission, "current_time": time.Now().UTC().Format(time.RFC3339Nano), "attributes": map[string]any{}}
	if q.Attributes != nil {
		about["attributes"] = q.Attributes
	}
	context, err := structpb.NewStruct(about)
	if err != nil {
		return false, err
	}
	answer, err := a.Check(ctx, &openfgav1.CheckRequest{
		StoreId: a.store, TupleKey: &openfgav1.CheckRequestTupleKey{Object: q.Object, Relation: "can", User: q.User}, Context: context,
	})
	return answer.GetAllowed(), err
}

// olderModel is one as an earlier version of the operator might have had: without the second side of grants, and with
// a relation that has gone since. It gives mallory the run of a world.
func olderModel(w *world) (*openfgav1.AuthorizationModel, *openfgav1.TupleKey) {
	model := proto.CloneOf(openfga.Model())
	for _, definition := range model.GetTypeDefinitions() {
		if definition.GetType() != "organization" {
			continue
		}
		delete(definition.GetRelations(), "grant_b")
		delete(definition.GetMetadata().GetRelations(), "grant_b")
		definition.GetRelations()["god"] = &openfgav1.Userset{Userset: &openfgav1.Userset_This{This: &openfgav1.DirectUserset{}}}
		definition.GetMetadata().GetRelations()["god"] = &openfgav1.RelationMetadata{
			DirectlyRelatedUserTypes: []*openfgav1.RelationReference{{Type: "user"}},
		}
		computed := func(relation string) *openfgav1.Userset {
			return &openfgav1.Userset{Userset: &openfgav1.Userset_ComputedUserset{ComputedUserset: &openfgav1.ObjectRelation{Relation: relation}}}
		}
		definition.GetRelations()["can"] = &openfgav1.Userset{Userset: &openfgav1.Userset_Union{Union: &openfgav1.Usersets{
			Child: []*openfgav1.Userset{computed("role"), computed("grant_a"), computed("god")},
		}}}
	}
	return model, &openfgav1.TupleKey{Object: w.at(), Relation: "god", User: objectid.User(w.subject("mallory"))}
}

// foreignModel is of something else altogether.
func foreignModel(w *world) (*openfgav1.AuthorizationModel, *openfgav1.TupleKey) {
	return &openfgav1.AuthorizationModel{SchemaVersion: "1.1", TypeDefinitions: []*openfgav1.TypeDefinition{
			{Type: "user"},
			{
				Type:      "organization",
				Relations: map[string]*openfgav1.Userset{"can": {Userset: &openfgav1.Userset_This{This: &openfgav1.DirectUserset{}}}},
				Metadata: &openfgav1.Metadata{Relations: map[string]*openfgav1.RelationMetadata{
					"can": {DirectlyRelatedUserTypes: []*openfgav1.RelationReference{{Type: "user"}}},
				}},
			},
		}}, &openfgav1.TupleKey{
			Object: w.at(), Relation: "can", User: objectid.User(w.subject("mallory")),
		}
}

var foreignModels = map[string]func(*world) (*openfgav1.AuthorizationModel, *openfgav1.TupleKey){"older": olderModel, "foreign": foreignModel}

var _ = Describe("A store with another model than the operator's", Label(slow), inRounds, func() {
	It("[K6] has the right one when the operator has started, and the right tuples, embedded", Label(embeddedOnly), func() {
		v := newVictim()
		for name, model := range foreignModels {
			By(name)
			op.Stop()
			running := server.Start(GinkgoTB(), server.Options{Engine: "sqlite", URI: op.file})
			other := administrate(running)
			made, tuple := model(v.world)
			other.writeModel(made, tuple)
			mallory := question{User: tuple.GetUser(), Permission: v.Delete, Object: v.at()}
			Expect(other.may(mallory)).To(BeTrue(), "by the other model")
			running.Stop()
			op.Start()
			Expect(op.may(mallory)).To(BeFalse())
			v.expectRight(op.may)
			op.expectWhole()
		}
	})

	It("[K6] [K7] has the right one when the operator has started, and soon when it runs, external", func() {
		external, run := newExternal(), insteadOfSuites()
		arguments := slices.Concat(external.arguments, []string{"--resync-interval=300ms", "--switch-grace=10ms"})
		process := run(arguments...)
		Eventually(stamped).Should(BeTrue(), func() string { return plane.LogTail("bailiwick") })
		v := newVictim()
		anyone := administrate(external.server)
		limits := state.Limits{ConditionCost: store.MaxConditionCost}
		held := func() ([]string, error) { return linesOf(external.store) }
		for _, running := range []bool{false, true} {
			for name, model := range foreignModels {
				By(fmt.Sprint(name, ", with the operator running: ", running))
				if !running {
					Expect(process.Kill()).To(Succeed())
				}
				made, tuple := model(v.world)
				anyone.writeModel(made, tuple)
				if !running {
					Expect(anyone.may(question{User: tuple.GetUser(), Permission: v.Delete, Object: v.at()})).To(BeTrue(), "by the other model")
					process = run(arguments...)
				}
				expectWhole(held, limits)
				Eventually(func() (bool, error) {
					return anyone.may(question{User: objectid.User(v.subject("alice")), Permission: v.View, Object: v.at("prod")})
				}).Should(BeTrue())
				v.expectRight(anyone.may)
			}
		}
	})
})
