// Package unstructured has objects as maps.
package unstructured

// Unstructured is an object.
type Unstructured struct{ Object map[string]any }

// UnstructuredContent is the object.
func (u *Unstructured) UnstructuredContent() map[string]any { return u.Object }

// UnstructuredList is a list of objects, as the API has it.
type UnstructuredList struct{ Object map[string]any }

// UnstructuredContent is the list.
func (u *UnstructuredList) UnstructuredContent() map[string]any { return u.Object }
