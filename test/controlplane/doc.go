// Package controlplane runs a Kubernetes control plane on this machine: etcd and kube-apiserver,
// started by envtest, and kube-controller-manager with its namespace and garbage-collector
// controllers, without which a namespace never finishes being deleted and owned objects stay.
//
// Nothing survives the process that called Start, however that ends: see guard.sh.
package controlplane
