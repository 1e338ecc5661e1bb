// Program stage starts a cluster with the operator for the tests of an engine that is built with other
// versions of Kubernetes' libraries than ours, says in JSON where everything is, and ends with its standard
// input: so it ends with whoever started it. Start it in the top directory.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/bailiwick-dev/bailiwick/test/gitops"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	world, err := gitops.Start(ctx)
	if err != nil {
		return err
	}
	description, err := world.Describe(ctx)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(description)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, os.Stdin)
	}
	return errors.Join(err, world.Stop())
}
