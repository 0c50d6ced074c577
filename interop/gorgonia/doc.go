// Package gorgonia connects Bestiary with Gorgonia (gorgonia.org): tensors both ways, and trained flows as expression graphs.
//
// It is a module of its own, so that Bestiary doesn't depend on Gorgonia. See docs/gorgonia.md.
package gorgonia

// A dependency of Gorgonia panics at start on every newer Go, unless this newer version of it is required.
import _ "go4.org/unsafe/assume-no-moving-gc"
