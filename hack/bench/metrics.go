package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// counters are what the operator says of itself.
type counters struct {
	// apiWrites are its requests to the API server that write; storeWrites its transactions.
	apiWrites, storeWrites, comparisons float64
	// heap is how many bytes were live after the last collection.
	heap float64
	// cpu is how many seconds of a processor it has used.
	cpu float64
}

// counters reads the operator's metrics.
func (b *bench) counters(ctx context.Context) (counters, error) { return countersAt(ctx, b.Metrics) }

func countersAt(ctx context.Context, url string) (now counters, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return now, fmt.Errorf("reading metrics: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return now, fmt.Errorf("reading metrics: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	families, err := parse(response.Body)
	if err != nil {
		return now, err
	}
	for _, metric := range families["rest_client_requests_total"].GetMetric() {
		if slices.Contains(writing, labelOf(metric, "method")) {
			now.apiWrites += metric.GetCounter().GetValue()
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
	for _, metric := range families["process_cpu_seconds_total"].GetMetric() {
		now.cpu = metric.GetCounter().GetValue()
	}
	return now, nil
}

// written is how many writes of objects of our kinds the API server has answered, whoever sent them. An operator that starts
// asks it what it may do, which is a POST as well, and writes nothing.
func (b *bench) written(ctx context.Context) (count float64, err error) {
	told, err := b.Kubectl(ctx, "get", "--raw", "/metrics")
	if err != nil {
		return 0, err
	}
	families, err := parse(strings.NewReader(told))
	if err != nil {
		return 0, err
	}
	for _, metric := range families["apiserver_request_total"].GetMetric() {
		if labelOf(metric, "group") == v1alpha1.GroupVersion.Group && slices.Contains(writing, labelOf(metric, "verb")) {
			count += metric.GetCounter().GetValue()
		}
	}
	return count, nil
}

// writing are the methods of requests that write.
var writing = []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

func labelOf(metric *dto.Metric, name string) string {
	for _, label := range metric.GetLabel() {
		if label.GetName() == name {
			return label.GetValue()
		}
	}
	return ""
}

func parse(told io.Reader) (map[string]*dto.MetricFamily, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(told)
	if err != nil {
		return nil, fmt.Errorf("reading metrics: %w", err)
	}
	return families, nil
}
