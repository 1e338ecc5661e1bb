package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// counters are what the operator says of itself.
type counters struct {
	// apiWrites are its requests to the API server that write; storeWrites its transactions.
	apiWrites, storeWrites, comparisons float64
	// heap is how many bytes were live after the last collection.
	heap float64
}

// counters reads the operator's metrics.
func (b *bench) counters(ctx context.Context) (now counters, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.Metrics, nil)
	if err != nil {
		return now, fmt.Errorf("reading metrics: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return now, fmt.Errorf("reading metrics: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		return now, fmt.Errorf("reading metrics: %w", err)
	}
	for _, metric := range families["rest_client_requests_total"].GetMetric() {
		for _, label := range metric.GetLabel() {
			if label.GetName() == "method" && slices.Contains([]string{"POST", "PUT", "PATCH", "DELETE"}, label.GetValue()) {
				now.apiWrites += metric.GetCounter().GetValue()
			}
		}
	}
	for _, metric := range families["bailiwick_store_write_tuples"].GetMetric() {
		now.storeWrites += float64(metric.GetHistogram().GetSampleCount())
	}
	for _, metric := range families["bailiwick_store_comparisons_total"].GetMetric() {
		now.comparisons += metric.GetCounter().GetValue()
	}
	for _, metric := range families["go_memstats_next_gc_bytes"].GetMetric() {
		now.heap = metric.GetGauge().GetValue() / 2 // the next collection is at twice what was live
	}
	return now, nil
}
