// Package rbac has the operator's own rights as they are installed, so that it can say which of them it lacks.
package rbac

import _ "embed"

var (
	// Role has the operator's ClusterRole and Role.
	//
	//go:embed role.yaml
	Role []byte
	// LeaderElection is the Role of an operator of several replicas.
	//
	//go:embed leader_election_role.yaml
	LeaderElection []byte
)
