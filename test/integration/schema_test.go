package integration

import (
	. "github.com/onsi/ginkgo/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/test/schema"
)

// apiServer is the real one, with the operator's webhooks.
var apiServer = schema.Server{
	Client:       func() client.Client { return k8sClient },
	NewNamespace: func() string { return newNamespace(ctx) },
}

// test/schema/inprocess runs every row, on the API server's code. These show that the API server itself answers alike.
var _ = Describe("The API server", func() { schema.DeclareBoth(apiServer) })
