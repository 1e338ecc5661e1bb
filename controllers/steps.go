package controllers

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// announceSteps says the steps of a request in events that its status says for the first time.
func (r *reconciler) announceSteps(before, now v1alpha1.Object) {
	request, ok := now.(*v1alpha1.AccessRequest)
	if !ok {
		return
	}
	var said int64
	for _, step := range before.(*v1alpha1.AccessRequest).Status.Steps {
		said = max(said, step.Sequence)
	}
	for _, step := range request.Status.Steps {
		if step.Sequence <= said {
			continue
		}
		text := step.Type
		if step.Verdict != "" {
			text += ": " + string(step.Verdict)
		}
		if step.By != "" {
			text += " by " + step.By
		}
		r.recorder.Eventf(request, nil, corev1.EventTypeNormal, "Access"+step.Type, "Record", "%s", text)
	}
}
