package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// runDirectory holds what others need to talk to what is running. It goes when that ends.
const runDirectory = ".run"

const invitation = `
It runs until you press Ctrl-C. In another terminal, here:

  . .run/env
  kubectl get authz-all -A
  kubectl authz who-can App:Delete --scope prod/vision
  curl -s "$BAILIWICK_DECISION_URL/access/v1/evaluation" -H "Authorization: Bearer $BAILIWICK_DECISION_KEY" \
    -H 'Content-Type: application/json' -d '{"subject": {"type": "user", "id": "bob@acme.example"},
    "action": {"name": "App:View"}, "resource": {"type": "project", "id": "acme/prod/vision"}}'
  curl -s "$OPENFGA_API_URL/stores/$OPENFGA_STORE_ID/check" -d '{
    "tuple_key": {"user": "user:bob@acme.example", "relation": "can", "object": "project:acme/prod/vision"},
    "context": {"permission": "App:View", "attributes": {}, "current_time": "'$(date -u +%Y-%m-%dT%H:%M:%SZ)'"}}'

docs/tutorials goes on from here.

`

// hold applies the samples, writes down how to reach everything, and waits until it is interrupted.
func hold(ctx context.Context, s *theatre) error {
	if err := s.applySamples(ctx); err != nil {
		return err
	}
	if err := s.kubectl(ctx, "config", "set-context", "--current", "--namespace=acme"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(runDirectory) }()
	if err := s.writeRunDirectory(); err != nil {
		return err
	}

	if _, err := os.Stdout.WriteString(invitation); err != nil {
		return err
	}
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-s.Operator.Done():
			s.goOn(ctx)
		}
	}
	fmt.Println("\nStopping.")
	return nil
}

// goOn is called when the operator has ended. One that was killed, or has failed, is started again, as a cluster does.
func (s *theatre) goOn(ctx context.Context) {
	err := s.Operator.Stop()
	if err == nil {
		// Somebody wants to start it in another way.
		fmt.Println("The operator has ended, as it was told to. .run/operator starts it again.")
		<-ctx.Done()
		return
	}
	fmt.Printf("The operator has ended: %v. It is being started again, with the store that it had.\n", err)
	if err := errors.Join(s.StartOperator(ctx), s.writeRunDirectory()); err != nil && ctx.Err() == nil {
		fmt.Printf("It could not be started again: %v\n.run/operator tries once more.\n", err)
		<-ctx.Done()
	}
}

// writeRunDirectory writes what a shell needs to use what runs, and how to start the operator anew.
func (s *theatre) writeRunDirectory() error {
	top, err := os.Getwd()
	if err != nil {
		return err
	}
	programs, err := filepath.Abs(filepath.Dir(s.Plane.Kubectl()))
	if err != nil {
		return err
	}
	kubeconfig, err := os.ReadFile(s.Kubeconfig)
	if err != nil {
		return err
	}
	directory := filepath.Join(top, runDirectory)
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return err
	}

	var environment strings.Builder
	for _, variable := range [][2]string{
		{"KUBECONFIG", filepath.Join(directory, "kubeconfig")},
		{"KUBECACHEDIR", s.KubectlCache()},
		{"OPENFGA_API_URL", s.store.url},
		{"OPENFGA_STORE_ID", s.store.id},
		{"BAILIWICK_DECISION_URL", s.Decisions},
		{"BAILIWICK_DECISION_KEY", s.DecisionKey},
		{"BAILIWICK_SCIM_URL", s.SCIM},
	} {
		fmt.Fprintf(&environment, "export %s=%s\n", variable[0], shellWords([]string{variable[1]}))
	}
	// The kubectl of this control plane, and its plugin.
	fmt.Fprintf(&environment, "export PATH=%s:\"$PATH\"\n", shellWords([]string{programs + ":" + filepath.Join(top, "bin")}))
	operator := "#!/bin/sh\n# Starts the operator as it was started. Flags that are added have the last word.\nexec " + shellWords(s.Operator.Command()) + " \"$@\"\n"

	for _, file := range []struct {
		name, text string
		mode       os.FileMode
	}{
		{"kubeconfig", string(kubeconfig), 0o600},
		{"operator", operator, 0o700},
		{"operator.pid", strconv.Itoa(s.Operator.PID()) + "\n", 0o600},
		// The last one: whoever waits for it finds the others.
		{"env", environment.String(), 0o600},
	} {
		if err := os.WriteFile(filepath.Join(directory, file.name), []byte(file.text), file.mode); err != nil {
			return err
		}
	}
	return nil
}
