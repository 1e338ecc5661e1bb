package openfga

import (
	"fmt"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"

	"github.com/bailiwick-dev/bailiwick/internal/condition"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// conditionOf is a tuple's condition as OpenFGA holds it.
func conditionOf(tuple store.Tuple) (*openfgav1.RelationshipCondition, error) {
	if tuple.Context == nil {
		return nil, nil
	}
	if err := condition.Check(tuple.Context); err != nil {
		return nil, fmt.Errorf("the context of %s %s %s %w", tuple.User, tuple.Relation, tuple.Object, err)
	}
	return &openfgav1.RelationshipCondition{Name: condition.NameOf(tuple.Context), Context: tuple.Context}, nil
}
