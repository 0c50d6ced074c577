// Package link is where public packages leave what this module's packages need of them below their public API, which
// names no type of an internal package. Packages engine and weights give it types again.
package link

// Engine holds a value with the methods that package engine lists. Package tensor sets it when it is initialised.
var Engine any

// Weights holds a value with the methods that package weights lists. Package nn sets it when it is initialised.
var Weights any
