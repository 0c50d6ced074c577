package tasks

import (
	"hash/fnv"

	"github.com/bestiary-ml/bestiary/data"
)

// HoldOut takes about a share of the pictures, 0 to less than 1, aside to watch a training by. A picture's name alone
// decides, so every training on the same pictures holds the same ones out. Where that would leave none to watch or none to
// train on, it is the picture that comes next; a single one is to train on.
func HoldOut(d *data.Dataset, share float64) (training, heldOut *data.Dataset) {
	place := make([]float64, d.Len()) // in [0, 1), evenly spread
	first, last := 0, 0
	for i := range place {
		h := fnv.New64a()
		h.Write([]byte(d.Name(i)))
		mixed := h.Sum64() * 0x9e3779b97f4a7c15 // FNV's high bits alone hardly depend on the last characters
		place[i] = float64(mixed>>11) / (1 << 53)
		if place[i] < place[first] {
			first = i
		}
		if place[i] > place[last] {
			last = i
		}
	}
	aside := func(i int) bool { return share > 0 && i != last && (i == first || place[i] < share) }
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
