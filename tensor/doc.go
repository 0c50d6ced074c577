// Package tensor is an eager, define-by-run engine: N-dimensional arrays, operations on them, and their gradients.
//
// # Tensors and devices
//
// A [Tensor] is a shape and contiguous row-major storage on a [Device], a processor or a GPU. Operations are methods that
// return new tensors. Rows come first and features last: a batch of vectors is [N, D], of sequences [B, n, D], of images
// [N, H, W, C]. Elementwise operations broadcast like NumPy's.
//
// Tensor has the general algebra. Operations of one family of models are in that model's package: couplings in flows, decoding
// with a KV cache in nn/transformer.
//
// # Steps and gradients
//
// Between [Device.Record] and [Step.End] operations put themselves on a tape. [Tensor.Backward] walks it in reverse order
// (reverse-mode automatic differentiation): for y = f(x) and a loss L it computes
//
//	∂L/∂x = (∂f/∂x)ᵀ · ∂L/∂y
//
// and adds it to the gradient of x. Outside of steps, and within [Device.Scratch], nothing is recorded. The end of a step
// releases its tensors to the device's pool, so a loop of equal steps allocates its memory once. [Checkpoint] trades time for
// memory.
//
// # Randomness
//
// Random numbers come from a [Generator], Philox 4×32-10 with a key and an offset: the same numbers on every device. There is no
// global generator.
//
// # Errors
//
// Operations panic if shapes don't match, as indexing a slice out of range does: it is a mistake in the program. They panic with
// *fault.OutOfMemory or *fault.DeviceError if the device fails; fault.Catch turns these into errors.
package tensor
