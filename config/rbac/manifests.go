// Package rbac has the operator's own rights as they are installed, so that it can say which of them it lacks.
package rbac

import _ "embed"

// Role has the operator's ClusterRole and Role.
//
//go:embed role.yaml
var Role []byte
