// Package tracing sends spans to a collector, by OTLP.
package tracing

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Connect returns a provider that sends to a collector at a URL, over gRPC; http is without TLS. What a collector that is away
// misses is lost, and holds up nobody. Sampling is as the SDK's variables OTEL_TRACES_SAMPLER say: a trace that somebody else began
// is kept if they keep it, and every other.
func Connect(ctx context.Context, endpoint string) (*sdktrace.TracerProvider, error) {
	exporter, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(endpoint))
	if err != nil {
		return nil, fmt.Errorf("setting up traces for %s: %w", endpoint, err)
	}
	return sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "bailiwick"))),
	), nil
}
