package controlplane

import (
	"context"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// RouteWebhooks has the API server call installed webhooks on a port of this machine. It is what a
// Service does where there are Pods. The name in the certificate must be localhost.
func (p *Plane) RouteWebhooks(ctx context.Context, port int) error {
	clients, err := kubernetes.NewForConfig(p.Config())
	if err != nil {
		return fmt.Errorf("routing webhooks: %w", err)
	}
	mutating := clients.AdmissionregistrationV1().MutatingWebhookConfigurations()
	mutations, err := mutating.List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("routing webhooks: %w", err)
	}
	for _, configuration := range mutations.Items {
		for n := range configuration.Webhooks {
			route(&configuration.Webhooks[n].ClientConfig, port)
		}
		if _, err := mutating.Update(ctx, &configuration, metav1.UpdateOptions{}); err != nil {
			return fmt.Errorf("routing webhooks: %w", err)
		}
	}
	validating := clients.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	validations, err := validating.List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("routing webhooks: %w", err)
	}
	for _, configuration := range validations.Items {
		for n := range configuration.Webhooks {
			route(&configuration.Webhooks[n].ClientConfig, port)
		}
		if _, err := validating.Update(ctx, &configuration, metav1.UpdateOptions{}); err != nil {
			return fmt.Errorf("routing webhooks: %w", err)
		}
	}
	return nil
}

func route(to *admissionregistrationv1.WebhookClientConfig, port int) {
	if to.Service == nil {
		return
	}
	url := fmt.Sprintf("https://localhost:%d", port)
	if to.Service.Path != nil {
		url += *to.Service.Path
	}
	to.Service, to.URL = nil, &url
}
