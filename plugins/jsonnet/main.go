//colchis:world manifest-renderer

// Command jsonnet is the renderer `jsonnet`: google/go-jsonnet as a component.
package main

import (
	"colchis/jsonnet/render"
	"colchis/sdk/renderer"
)

func init() { renderer.Register(render.Jsonnet{}) }

func main() {}
