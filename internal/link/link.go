// Package link is where package tensor leaves what package engine needs of it. No exported name of tensor may lead to an
// internal package, so this goes past its public API.
package link

// Engine holds a value with the methods that package engine lists. Package tensor sets it when it is initialised.
var Engine any
