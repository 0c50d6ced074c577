package tasks

import (
	"hash/fnv"

	"github.com/bestiary-ml/bestiary/data"
)

// HoldOut takes about a share of the pictures aside to watch a training by. A picture's name alone decides, so every
// training on the same pictures holds the same ones out.
func HoldOut(d *data.Dataset, share float64) (training, heldOut *data.Dataset) {
	aside := func(i int) bool {
		h := fnv.New64a()
		h.Write([]byte(d.Name(i)))
		mixed := h.Sum64() * 0x9e3779b97f4a7c15 // FNV's high bits alone hardly depend on the last characters
		return float64(mixed>>11)/(1<<53) < share
	}
	return d.Where(func(i int) bool { return !aside(i) }), d.Where(aside)
}

// describe completes the description of a run's pictures with what they are.
func describe(description *data.Description, training, heldOut *data.Dataset) {
	description.Classes, description.Size = training.Classes, training.Size
	description.Pictures, description.HeldOut, description.Fingerprint = training.Len(), 0, training.Fingerprint()
	if heldOut != nil {
		description.HeldOut = heldOut.Len()
	}
}

// few are at most n of the pictures, evenly spread over them.
func few(d *data.Dataset, n int) *data.Dataset {
	n = min(n, d.Len())
	return d.Where(func(i int) bool { return i == 0 || i*n/d.Len() != (i-1)*n/d.Len() })
}
