//go:build !wasip1

package step

import "colchis/sdk/internal/host"

func open(name string) (host.Artifact, error)         { return host.ArtifactOpen(name) }
func create(name string) (host.ArtifactWriter, error) { return host.ArtifactCreate(name) }
func output(text []byte)                              { host.Output(text) }
