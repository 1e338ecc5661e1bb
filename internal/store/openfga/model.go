package openfga

import (
	"slices"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	"google.golang.org/protobuf/proto"

	"github.com/bailiwick-dev/bailiwick/internal/condition"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// Model is the authorization model: static, the same in every installation. It is made here and not
// in OpenFGA's modelling language, which can't write the type of the attributes, "any".
func Model() *openfgav1.AuthorizationModel {
	anything := parameter(openfgav1.ConditionParamTypeRef_TYPE_NAME_ANY)
	now := parameter(openfgav1.ConditionParamTypeRef_TYPE_NAME_TIMESTAMP)
	return &openfgav1.AuthorizationModel{
		SchemaVersion: "1.1",
		TypeDefinitions: []*openfgav1.TypeDefinition{
			{Type: objectid.TypeUser},
			groupType(),
			bindingType(),
			scopeType(objectid.TypeOrganization),
			scopeType(objectid.TypeWorkspace, objectid.TypeOrganization),
			scopeType(objectid.TypeProject, objectid.TypeWorkspace),
			scopeType(objectid.TypeResource, objectid.TypeOrganization, objectid.TypeWorkspace, objectid.TypeProject),
		},
		Conditions: map[string]*openfgav1.Condition{
			condition.Name: {
				Name:       condition.Name,
				Expression: condition.Expression,
				Parameters: map[string]*openfgav1.ConditionParamTypeRef{
					condition.ParameterPermission:  parameter(openfgav1.ConditionParamTypeRef_TYPE_NAME_STRING),
					condition.ParameterCurrentTime: now,
					condition.ParameterAttributes:  mapOf(anything),
					condition.ParameterPermissions: mapOf(parameter(openfgav1.ConditionParamTypeRef_TYPE_NAME_BOOL)),
					condition.ParameterRules:       mapOf(parameter(openfgav1.ConditionParamTypeRef_TYPE_NAME_LIST, anything)),
				},
			},
			condition.NameDuring: {
				Name:       condition.NameDuring,
				Expression: condition.ExpressionDuring,
				Parameters: map[string]*openfgav1.ConditionParamTypeRef{
					condition.ParameterCurrentTime: now,
					condition.ParameterWindows:     parameter(openfgav1.ConditionParamTypeRef_TYPE_NAME_LIST, anything),
				},
			},
		},
	}
}

// groupType has members and admins, and what its admins may do with it.
func groupType() *openfgav1.TypeDefinition {
	admin := conditional(user(objectid.TypeUser))
	return newType(objectid.TypeGroup).
		paired(store.RelationMember, store.RelationMemberB, user(objectid.TypeUser)).
		paired(store.RelationAdmin, store.RelationAdminB, user(objectid.TypeUser)).
		assigned(store.RelationGrantA, admin).
		assigned(store.RelationGrantB, admin).
		computed(store.RelationCan, union(computed(store.RelationGrantA), computed(store.RelationGrantB))).
		TypeDefinition
}

func bindingType() *openfgav1.TypeDefinition {
	binding := newType(objectid.TypeBinding).
		paired(store.RelationAssignee, store.RelationAssigneeB, user(objectid.TypeUser), userset(objectid.TypeGroup, store.RelationMember))
	for slot := range store.Slots {
		binding.computed(store.SlotRelation(slot), computed(store.RelationAssignee))
	}
	return binding.TypeDefinition
}

func scopeType(name string, parents ...string) *openfgav1.TypeDefinition {
	slots := make([]*openfgav1.RelationReference, store.Slots)
	for slot := range slots {
		slots[slot] = conditional(userset(objectid.TypeBinding, store.SlotRelation(slot)))
	}
	can := []*openfgav1.Userset{computed(store.RelationRole), computed(store.RelationGrantA), computed(store.RelationGrantB)}
	scope := newType(name).assigned(store.RelationRole, slots...)
	for _, relation := range []string{store.RelationGrantA, store.RelationGrantB} {
		scope.assigned(relation,
			conditional(user(objectid.TypeUser)),
			conditional(userset(objectid.TypeGroup, store.RelationMember)))
	}
	if len(parents) > 0 {
		above := make([]*openfgav1.RelationReference, len(parents))
		for i, parent := range parents {
			above[i] = user(parent)
		}
		scope.assigned(store.RelationParent, above...)
		can = append(can, &openfgav1.Userset{Userset: &openfgav1.Userset_TupleToUserset{
			TupleToUserset: &openfgav1.TupleToUserset{
				Tupleset:        &openfgav1.ObjectRelation{Relation: store.RelationParent},
				ComputedUserset: &openfgav1.ObjectRelation{Relation: store.RelationCan},
			},
		}})
	}
	return scope.computed(store.RelationCan, union(can...)).TypeDefinition
}

// typeDefinition builds an OpenFGA type relation by relation.
type typeDefinition struct{ *openfgav1.TypeDefinition }

func newType(name string) typeDefinition {
	return typeDefinition{&openfgav1.TypeDefinition{
		Type:      name,
		Relations: map[string]*openfgav1.Userset{},
		Metadata:  &openfgav1.Metadata{Relations: map[string]*openfgav1.RelationMetadata{}},
	}}
}

// assigned adds a relation that tuples state.
func (t typeDefinition) assigned(relation string, users ...*openfgav1.RelationReference) typeDefinition {
	t.Relations[relation] = &openfgav1.Userset{Userset: &openfgav1.Userset_This{This: &openfgav1.DirectUserset{}}}
	t.Metadata.Relations[relation] = &openfgav1.RelationMetadata{DirectlyRelatedUserTypes: users}
	return t
}

// paired adds a relation that tuples state for good or for a time, and a second one that says the same: what holds for
// a time can't be rewritten in place, so that it moves from one to the other.
func (t typeDefinition) paired(relation, second string, users ...*openfgav1.RelationReference) typeDefinition {
	for _, user := range slices.Clone(users) {
		during := proto.CloneOf(user)
		during.Condition = condition.NameDuring
		users = append(users, during)
	}
	t.assigned(second, users...)
	t.assigned(relation, users...)
	t.Relations[relation] = union(t.Relations[relation], computed(second))
	return t
}

// computed adds a relation that follows from others.
func (t typeDefinition) computed(relation string, from *openfgav1.Userset) typeDefinition {
	t.Relations[relation] = from
	t.Metadata.Relations[relation] = &openfgav1.RelationMetadata{}
	return t
}

func computed(relation string) *openfgav1.Userset {
	return &openfgav1.Userset{Userset: &openfgav1.Userset_ComputedUserset{
		ComputedUserset: &openfgav1.ObjectRelation{Relation: relation},
	}}
}

func union(of ...*openfgav1.Userset) *openfgav1.Userset {
	return &openfgav1.Userset{Userset: &openfgav1.Userset_Union{Union: &openfgav1.Usersets{Child: of}}}
}

func user(kind string) *openfgav1.RelationReference {
	return &openfgav1.RelationReference{Type: kind}
}

func userset(kind, relation string) *openfgav1.RelationReference {
	return &openfgav1.RelationReference{
		Type:               kind,
		RelationOrWildcard: &openfgav1.RelationReference_Relation{Relation: relation},
	}
}

func conditional(reference *openfgav1.RelationReference) *openfgav1.RelationReference {
	reference.Condition = condition.Name
	return reference
}

func parameter(name openfgav1.ConditionParamTypeRef_TypeName, of ...*openfgav1.ConditionParamTypeRef) *openfgav1.ConditionParamTypeRef {
	return &openfgav1.ConditionParamTypeRef{TypeName: name, GenericTypes: of}
}

func mapOf(value *openfgav1.ConditionParamTypeRef) *openfgav1.ConditionParamTypeRef {
	return parameter(openfgav1.ConditionParamTypeRef_TYPE_NAME_MAP, value)
}
