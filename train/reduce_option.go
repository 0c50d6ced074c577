package train

import "github.com/bestiary-ml/bestiary/fault"

// Reduce says in which numbers the ranks of a training send each other their gradients. Sums are formed in float32.
type Reduce string

// The ways to send gradients.
const (
	ReduceFloat32 Reduce = "float32"
	// ReduceBfloat16 takes half the bytes. A gradient is rounded before it is sent, and what rounding takes off is added to the rank's
	// gradient of the next step: error feedback (Seide et al., 2014; Karimireddy et al., 2019). It is not part of a checkpoint: a training
	// that is resumed begins with nothing to add.
	ReduceBfloat16 Reduce = "bfloat16"
)

// Validate returns a [*fault.FieldError] for a value that isn't one of the above; "" is ReduceFloat32.
func (r Reduce) Validate() error {
	switch r {
	case "", ReduceFloat32, ReduceBfloat16:
		return nil
	}
	return fault.Field("Reduce", r, "is not known; use float32 or bfloat16")
}
