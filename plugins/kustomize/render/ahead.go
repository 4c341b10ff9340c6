package render

import (
	"colchis/sdk"
	"colchis/sdk/renderer"
)

// ahead is a kustomization that uses what most use: Kustomize reads the schemas of Kubernetes at the first object, which takes longer than small folders do.
var ahead = sdk.Files{
	"kustomization.yaml": []byte(`
namePrefix: a-
namespace: b
labels:
- pairs: {c: d}
commonAnnotations: {e: f}
images:
- name: g
  newTag: h
replicas:
- name: i
  count: 2
configMapGenerator:
- name: j
  literals: [k=l]
patches:
- patch: |-
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: i}
    spec: {minReadySeconds: 1}
- target: {kind: Deployment}
  patch: |-
    - op: replace
      path: /spec/revisionHistoryLimit
      value: 3
resources: [objects.yaml]
`),
	"objects.yaml": []byte(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: i}
spec:
  replicas: 1
  revisionHistoryLimit: 2
  selector: {matchLabels: {m: n}}
  template:
    metadata: {labels: {m: n}}
    spec:
      containers:
      - {name: o, image: g, envFrom: [{configMapRef: {name: j}}]}
---
apiVersion: v1
kind: Service
metadata: {name: i}
spec: {selector: {m: n}, ports: [{port: 80}]}
`),
}

// Ahead builds a kustomization for nothing.
func Ahead() {
	if _, err := (Kustomize{}).Render(&renderer.Request{Config: "{}", Files: ahead}); err != nil {
		panic(err)
	}
}
