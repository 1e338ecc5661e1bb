package liveness

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Client is c, with those of its writes that the operator makes as calls to the outside. Its reads are none: a cache
// answers them.
func Client(c client.Client) client.Client { return outsideClient{c} }

type outsideClient struct{ client.Client }

// Create implements client.Writer.
func (c outsideClient) Create(ctx context.Context, object client.Object, options ...client.CreateOption) error {
	defer Outside(ctx)()
	return c.Client.Create(ctx, object, options...)
}

// Update implements client.Writer.
func (c outsideClient) Update(ctx context.Context, object client.Object, options ...client.UpdateOption) error {
	defer Outside(ctx)()
	return c.Client.Update(ctx, object, options...)
}

// Patch implements client.Writer.
func (c outsideClient) Patch(ctx context.Context, object client.Object, patch client.Patch, options ...client.PatchOption) error {
	defer Outside(ctx)()
	return c.Client.Patch(ctx, object, patch, options...)
}

// Delete implements client.Writer.
func (c outsideClient) Delete(ctx context.Context, object client.Object, options ...client.DeleteOption) error {
	defer Outside(ctx)()
	return c.Client.Delete(ctx, object, options...)
}

// Status implements client.StatusClient.
func (c outsideClient) Status() client.SubResourceWriter { return outsideStatus{c.Client.Status()} }

type outsideStatus struct{ client.SubResourceWriter }

// Patch implements client.SubResourceWriter.
func (s outsideStatus) Patch(ctx context.Context, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
	defer Outside(ctx)()
	return s.SubResourceWriter.Patch(ctx, object, patch, options...)
}

// Reader is a reader that asks the API server itself, with its reads as calls to the outside.
func Reader(r client.Reader) client.Reader { return outsideReader{r} }

type outsideReader struct{ client.Reader }

// Get implements client.Reader.
func (r outsideReader) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	defer Outside(ctx)()
	return r.Reader.Get(ctx, key, into, options...)
}

// List implements client.Reader.
func (r outsideReader) List(ctx context.Context, into client.ObjectList, options ...client.ListOption) error {
	defer Outside(ctx)()
	return r.Reader.List(ctx, into, options...)
}
