// Package sample has the pipelines that draw with trained models: [Flow] samples pictures of a class from a normalizing
// flow over an autoencoder's embeddings, and [TextToImage] generates pictures for prompts with a discrete VAE and a
// DALL-E, and scores them with a CLIP.
//
//	device, err := tensor.OpenDevice("auto", tensor.DeviceOptions{})
//	…
//	defer device.Close()
//	pets, err := sample.OpenFlow(ctx, "runs/pets", device)
//	…
//	pictures, err := pets.Sample(ctx, sample.Options{Class: "dog", N: 16, Seed: 7})
//
// # Use in a server
//
// The methods of a pipeline may be called from several goroutines. A device computes for one caller at a time, so all
// pipelines and trainings on a device take turns, with [tensor.Device.Exclusive]; a caller that waits for its turn returns
// as soon as its context ends. Running calls look at their context between batches, and [TextToImage.Generate] between codes.
//
// Methods return errors and don't panic, except where a callback of the caller panics. Arguments that are not allowed
// give a [*fault.FieldError] (one of several prompts: a [*PromptError]), a model that the pipeline lacks a
// [*fault.Missing], memory that doesn't suffice an [*fault.OutOfMemory], and a failure of a GPU a [*fault.DeviceError].
// All options have upper limits, which are checked before anything is computed or allocated.
//
// A pipeline holds nothing that must be closed. Its device does: close it after the last call.
//
// Package eval measures pipelines, and package sample/layout arranges pictures in grids and animations.
package sample
