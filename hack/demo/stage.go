package main

import (
	"context"
	"fmt"

	"github.com/bailiwick-dev/bailiwick/hack/stage"
)

const samples = "config/samples"

// theatre is what runs while the demo is shown.
type theatre struct {
	*stage.Stage
	store *store
}

// setUp starts a control plane and the operator, and returns when the operator is ready. When it fails
// nothing is left running.
func setUp(ctx context.Context) (_ *theatre, err error) {
	tell("Starting a Kubernetes API server, for this demo alone, on this machine.")
	s := &theatre{}
	if s.Stage, err = stage.Start(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.Plane.Stop()
		}
	}()
	tell("Installing Bailiwick there as in any cluster: its resource definitions, and the rights of its operator.")
	if err := s.Install(ctx); err != nil {
		return nil, err
	}
	tell("This cluster has no node that would run the operator's Pod, so it runs here as a process, with the rights of its ServiceAccount and no others. The authorization store, OpenFGA, is embedded in it.")
	if err := s.StartOperator(ctx); err != nil {
		return nil, err
	}
	s.store, err = findStore(ctx, s.OpenFGA)
	return s, err
}

// showKubectl runs kubectl as an administrator of the cluster, and shows the command and its output.
func (s *theatre) showKubectl(ctx context.Context, args ...string) error {
	fmt.Println("\n  $ kubectl", shellWords(args))
	output, err := s.Kubectl(ctx, args...)
	if err == nil {
		fmt.Println(indented(output))
	}
	return err
}

// kubectl does the same, and is silent unless it fails.
func (s *theatre) kubectl(ctx context.Context, args ...string) error {
	_, err := s.Kubectl(ctx, args...)
	return err
}
