// Package open leads to an internal type in every way that there is, and in some ways doesn't.
package open

import "leaky/internal/secret"

// Alias leaks.
type Alias = secret.Thing

// Argument leaks.
func Argument(secret.Thing) {}

// Field leaks.
type Field struct{ Thing secret.Thing }

// Embedded leaks.
type Embedded struct{ secret.Thing }

// Method leaks.
type Method struct{}

// Get leaks.
func (Method) Get() (t secret.Thing) { return t }

func (Method) Bare() {}

// bare is documented, Bare is not.
type bare struct{}

func Bare(bare) {}

type hidden struct{}

// Get leaks through whoever embeds it.
func (hidden) Get() (t secret.Thing) { return t }

// Promoted leaks.
type Promoted struct{ hidden }

// Interface leaks.
type Interface interface{ Get() secret.Thing }

// Element leaks.
type Element map[string][]*secret.Thing

// Function leaks.
func Function(func(func() secret.Thing)) {}

// Of holds a value.
type Of[T any] struct{ value T }

// Instance leaks.
func Instance() (o Of[secret.Thing]) { return o }

// Variable leaks.
var Variable secret.Thing

// Closed doesn't leak.
type Closed struct{ thing secret.Thing }

// Field doesn't leak.
func (c Closed) Field() bool { return c.thing == secret.Thing{} }

func closed(secret.Thing) {}
