module colchis/jsonnet

go 1.26.0

require (
	colchis/sdk v0.0.0
	github.com/gobwas/glob v0.2.3
	github.com/google/go-jsonnet v0.22.0
	sigs.k8s.io/yaml v1.6.0
)

require (
	go.bytecodealliance.org/pkg v0.2.1 // indirect
	go.yaml.in/yaml/v2 v2.4.2 // indirect
	go.yaml.in/yaml/v3 v3.0.3 // indirect
	golang.org/x/crypto v0.45.0 // indirect
	golang.org/x/sys v0.38.0 // indirect
)

replace colchis/sdk => ../sdk-go
