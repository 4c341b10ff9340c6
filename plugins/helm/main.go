//colchis:world manifest-renderer

// Command helm is the renderer `helm`: the Helm engine as a component.
//
// It decides nothing itself: package render has all that can be tested without WebAssembly.
package main

import (
	"colchis/helm/render"
	"colchis/sdk/renderer"
)

func init() {
	renderer.Register(render.Helm{})
	renderer.Ahead(render.Ahead)
}

func main() {}
