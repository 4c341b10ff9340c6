// Package runtime names objects of any kind, which a release may list. Nothing here makes one.
package runtime

// Object is an object of any kind.
type Object interface{}
