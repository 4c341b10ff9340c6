package render

import (
	"fmt"

	"colchis/sdk"
	"colchis/sdk/renderer"
)

// ahead is a chart that uses what most use: what is compiled and looked up at first use is there afterwards.
var ahead = sdk.Files{
	"Chart.yaml":  []byte("apiVersion: v2\nname: a\nversion: 1.0.0\n"),
	"values.yaml": []byte("b: {c: d, e: 1}\nf: [g]\nenabled: true\n"),
	"templates/_helpers.tpl": []byte(`
{{- define "labels" -}}
app.kubernetes.io/name: {{ .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- with .Values.b }}
{{ toYaml . }}
{{- end }}
{{- end }}
`),
	"templates/all.yaml": []byte(`
{{- if .Values.enabled }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ printf "%s-%s" .Release.Name .Chart.Name | lower | replace "_" "-" }}
  namespace: {{ .Release.Namespace }}
  labels: {{- include "labels" . | nindent 4 }}
  annotations: {h: {{ .Values.b | toJson | sha256sum | quote }}, i: {{ default "j" .Values.k | squote }}}
spec:
  replicas: {{ .Values.b.e | int }}
  template:
    spec:
      containers: {{- range $at, $name := .Values.f }}
      - name: {{ tpl $name $ }}-{{ $at }}
      {{- end }}
{{- end }}
---
apiVersion: v1
kind: Service
metadata: {name: l, labels: {{ dict "m" "n" | toJson }}}
{{- if .Capabilities.APIVersions.Has "v1/Pod" }}
spec: {ports: [{port: 80}]}
{{- end }}
`),
	"templates/hook.yaml": []byte("kind: Job\napiVersion: batch/v1\nmetadata: {name: o, annotations: {helm.sh/hook: 'post-install,test', helm.sh/hook-weight: '1'}}\n"),
	"templates/NOTES.txt": []byte("{{ .Release.Name }}\n"),
}

// Ahead renders a chart for nothing.
func Ahead() {
	made, err := Helm{}.Render(&renderer.Request{Config: "{}", Files: ahead, Release: renderer.Release{Name: "p", Namespace: "q"}})
	if err != nil {
		panic(err)
	}
	if len(made.Manifests) != 3 {
		panic(fmt.Sprintf("%d objects", len(made.Manifests)))
	}
}
