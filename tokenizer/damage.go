package tokenizer

import "fmt"

// damageError says what is wrong with a tokenizer.json, as opposed to what is not supported. It completes "the tokenizer …".
type damageError struct{ problem string }

func (e *damageError) Error() string { return e.problem }

func damage(problem string, args ...any) error { return &damageError{fmt.Sprintf(problem, args...)} }
