//go:build tools

// Package kube pins the Kubernetes programs of the cluster without containers.
//
// k8s.io/kubernetes requires its staging modules at v0.0.0 and its own replace lines do not count
// for a module that depends on it, so `go install k8s.io/kubernetes/cmd/…@v1.36.3` fails; the replace
// lines in this module's go.mod say the same again.
package kube

import (
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
	_ "k8s.io/kubernetes/cmd/kube-scheduler"
	_ "k8s.io/kubernetes/cmd/kubectl"
)
