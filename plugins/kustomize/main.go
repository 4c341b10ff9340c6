//colchis:world manifest-renderer

// Command kustomize is the renderer `kustomize`: Kustomize itself as a component.
package main

import (
	"colchis/kustomize/render"
	"colchis/sdk/renderer"
)

func init() {
	renderer.Register(render.Kustomize{})
	renderer.Ahead(render.Ahead)
}

func main() {}
