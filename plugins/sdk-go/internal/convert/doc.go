// Package convert stands between the types of the interfaces and those that authors see.
package convert
