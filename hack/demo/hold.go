package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// runDirectory holds what others need to talk to what is running. It goes when that ends.
const runDirectory = ".run"

const invitation = `
It runs until you press Ctrl-C. In another terminal, here:

  . .run/env
  bin/controlplane/kubectl get authz -A
  curl -s "$OPENFGA_API_URL/stores/$OPENFGA_STORE_ID/check" -d '{
    "tuple_key": {"user": "user:bob@acme.example", "relation": "can", "object": "project:acme/prod/vision"},
    "context": {"permission": "App:View", "attributes": {}, "current_time": "'$(date -u +%Y-%m-%dT%H:%M:%SZ)'"}}'
  curl -s "$BAILIWICK_DECISION_URL/access/v1/evaluation" -H "Authorization: Bearer $BAILIWICK_DECISION_KEY" \
    -H 'Content-Type: application/json' -d '{"subject": {"type": "user", "id": "bob@acme.example"},
    "action": {"name": "App:View"}, "resource": {"type": "project", "id": "acme/prod/vision"}}'

`

// hold applies the samples, writes down how to reach everything, and waits until it is interrupted.
func hold(ctx context.Context, s *theatre) error {
	if err := s.applySamples(ctx); err != nil {
		return err
	}
	directory, err := filepath.Abs(runDirectory)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(directory) }()

	kubeconfig := filepath.Join(directory, "kubeconfig")
	if err := s.Plane.WriteKubeconfig(kubeconfig); err != nil {
		return err
	}
	environment := fmt.Sprintf("export KUBECONFIG='%s'\nexport OPENFGA_API_URL='%s'\nexport OPENFGA_STORE_ID='%s'\n"+
		"export BAILIWICK_DECISION_URL='%s'\nexport BAILIWICK_DECISION_KEY='%s'\n",
		kubeconfig, s.store.url, s.store.id, s.Decisions, s.DecisionKey)
	if err := os.WriteFile(filepath.Join(directory, "env"), []byte(environment), 0o600); err != nil {
		return err
	}

	if _, err := os.Stdout.WriteString(invitation); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		fmt.Println("\nStopping.")
		return nil
	case <-s.Operator.Done():
		return errors.New("the operator has ended")
	}
}
