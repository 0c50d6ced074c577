// Package secret can't be imported from outside.
package secret

// Thing can't be named from outside.
type Thing struct{}

// Do does nothing.
func (Thing) Do(Thing) {}
