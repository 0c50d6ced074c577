package tasks

import (
	"hash/fnv"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
)

// HoldOut splits pictures into those to train on and held-out ones, about a share of them from 0 to less than 1. The name
// of a picture decides, so every training on the same pictures holds out the same ones. If none would be held out, one is;
// if none would be left to train on, one is.
func HoldOut(d *data.Dataset, share float64) (training, heldOut *data.Dataset) {
	aside := heldOutNames(d.Len(), d.Name, share)
	return d.Where(func(i int) bool { return !aside[i] }), d.Where(func(i int) bool { return aside[i] })
}

// heldOutNames says which of n pictures are held out, see [HoldOut].
func heldOutNames(n int, name func(i int) string, share float64) []bool {
	place, aside := make([]float64, n), make([]bool, n) // place is in [0, 1), evenly spread
	first, last := 0, 0
	for i := range place {
		h := fnv.New64a()
		h.Write([]byte(name(i)))
		mixed := h.Sum64() * 0x9e3779b97f4a7c15 // FNV's high bits hardly depend on the last characters
		place[i] = float64(mixed>>11) / (1 << 53)
		if place[i] < place[first] {
			first = i
		}
		if place[i] > place[last] {
			last = i
		}
	}
	for i := range place {
		aside[i] = share > 0 && i != last && (i == first || place[i] < share)
	}
	return aside
}

// checkPictures checks that there are pictures to train on and that all, held-out ones included, have the size and the
// channels of the model.
func checkPictures(size, channels int, training, heldOut *data.Dataset) error {
	if training == nil || training.Len() == 0 {
		return fault.Field("Data", nil, "there are no pictures to train on; give some")
	}
	for _, d := range []*data.Dataset{training, heldOut} {
		if d != nil && d.Len() > 0 && (d.Size != size || max(d.Channels, 3) != channels) {
			return fault.Field("Data", nil, "the pictures have size %d with %d channels, and the model takes size %d with %d; load them so",
				d.Size, max(d.Channels, 3), size, channels)
		}
	}
	return nil
}

// describe fills in the fields of a description that follow from the pictures.
func describe(description *data.Description, training, heldOut *data.Dataset) {
	description.Classes, description.Size = training.Classes, training.Size
	description.Pictures, description.HeldOut, description.Fingerprint = training.Len(), 0, training.Fingerprint()
	if heldOut != nil {
		description.HeldOut = heldOut.Len()
	}
}

// few returns at most n of the pictures, evenly spread.
func few(d *data.Dataset, n int) *data.Dataset {
	n = min(n, d.Len())
	return d.Where(func(i int) bool { return i == 0 || i*n/d.Len() != (i-1)*n/d.Len() })
}
