package tasks

import (
	"context"
	"errors"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/fault"
)

// checkBoxes refuses pictures that a detector of a number of classes can't be trained on. object names what they must have.
func checkBoxes(training *boxes.Set, classes int, object string) error {
	switch {
	case training == nil || len(training.Pictures) == 0:
		return fault.Field("Data", nil, "there are no pictures to train on; give some")
	case training.Boxes() == 0:
		return fault.Field("Data", nil, "none of the %d pictures to train on has %s; give some", len(training.Pictures), object)
	case len(training.Classes) != classes:
		return fault.Field("Classes", classes, "must be the number of classes of the pictures, %d", len(training.Classes))
	}
	return nil
}

// describeBoxes fills in what follows from the pictures. fingerprint is that of those to train on, see [FingerprintBoxes].
func describeBoxes(b *boxes.Description, training, heldOut *boxes.Set, fingerprint string) {
	b.Pictures, b.Boxes, b.Empty, b.HeldOut, b.Fingerprint = len(training.Pictures), training.Boxes(), 0, 0, fingerprint
	for _, p := range training.Pictures {
		if len(p.Objects) == 0 {
			b.Empty++
		}
	}
	if heldOut != nil {
		b.HeldOut = len(heldOut.Pictures)
	}
}

// HoldOutBoxes is [HoldOut] for pictures with boxes.
func HoldOutBoxes(s *boxes.Set, share float64) (training, heldOut *boxes.Set) {
	one, other := *s, *s
	one.Pictures, other.Pictures = nil, nil
	aside := heldOutNames(len(s.Pictures), func(i int) string { return s.Pictures[i].Name }, share)
	for i, p := range s.Pictures {
		if aside[i] {
			other.Pictures = append(other.Pictures, p)
		} else {
			one.Pictures = append(one.Pictures, p)
		}
	}
	return &one, &other
}

// decodedTogether is the number of pictures that DecodableBoxes decodes at once.
const decodedTogether = 16

// DecodableBoxes decodes all pictures of a set and returns the set without those that are damaged, and their errors. A training would
// end at the first of them. progress may be nil.
func DecodableBoxes(ctx context.Context, s *boxes.Set, progress func(done, total int)) (kept *boxes.Set, damaged []error, err error) {
	all := *s
	all.Pictures = nil
	for lo := 0; lo < len(s.Pictures); lo += decodedTogether {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		some := s.Pictures[lo:min(lo+decodedTogether, len(s.Pictures))]
		failures := make([]error, len(some))
		_ = each(len(some), func(i int) error {
			_, failures[i] = some[i].Read()
			return nil
		})
		for i, p := range some {
			var file *fault.DamagedFile
			switch {
			case failures[i] == nil:
				all.Pictures = append(all.Pictures, p)
			case errors.As(failures[i], &file):
				damaged = append(damaged, failures[i])
			default:
				return nil, nil, failures[i]
			}
		}
		if progress != nil {
			progress(lo+len(some), len(s.Pictures))
		}
	}
	if len(all.Pictures) == 0 {
		return nil, damaged, fault.Damaged(s.Path, "none of its %d pictures can be decoded; give others", len(s.Pictures))
	}
	return &all, damaged, nil
}

// fewBoxes returns at most n of the pictures, evenly spread.
func fewBoxes(s *boxes.Set, n int) []boxes.Picture {
	var some []boxes.Picture
	n = min(n, len(s.Pictures))
	for i := range n {
		some = append(some, s.Pictures[i*len(s.Pictures)/n])
	}
	return some
}
