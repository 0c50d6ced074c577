package fault_test

import (
	"errors"
	"fmt"

	"github.com/bestiary-ml/bestiary/fault"
)

// A caller finds out which field has a value that is not allowed.
func ExampleFieldError() {
	err := fmt.Errorf("settings.json: %w", fault.Field("Batch", 0, "must be 1 or more"))
	var wrong *fault.FieldError
	if errors.As(err, &wrong) {
		fmt.Println(wrong.Field, wrong.Value)
	}
	fmt.Println(err)
	// Output:
	// Batch 0
	// settings.json: Batch 0: must be 1 or more
}
