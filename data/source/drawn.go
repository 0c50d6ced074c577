package source

import (
	"fmt"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/drawn"
)

// Prefixes of paths that name drawn pictures. SEED and N follow.
const (
	petsPrefix  = "drawn:"
	birdsPrefix = "birds:"
)

// DrawnPets returns the path of n drawn cats and dogs of a seed: "drawn:SEED:N". [Open] draws them.
func DrawnPets(seed uint64, n int) string { return fmt.Sprintf("%s%d:%d", petsPrefix, seed, n) }

// DrawnBirds returns the path of n drawn birds of a seed, with captions: "birds:SEED:N". [Open] draws them.
func DrawnBirds(seed uint64, n int) string { return fmt.Sprintf("%s%d:%d", birdsPrefix, seed, n) }

// IsDrawn reports whether a path names drawn pictures, be it well formed or not.
func IsDrawn(path string) bool {
	return strings.HasPrefix(path, petsPrefix) || strings.HasPrefix(path, birdsPrefix)
}

// IsDrawnBirds reports whether a path names drawn birds, be it well formed or not.
func IsDrawnBirds(path string) bool { return strings.HasPrefix(path, birdsPrefix) }

// openDrawn draws the pictures of a path. Pictures 0 to N−1 of the seed are split Trainval, the next N/5 (at least one)
// are split Test, and All is both.
func openDrawn(path string, o data.Options) (*data.Dataset, error) {
	kind, rest, _ := strings.Cut(path, ":")
	seed, n, err := drawn.SeedAndNumber(rest)
	if err != nil {
		return nil, fault.Field("Path", path, "must be %s:SEED:N, such as %s:1:2000 for 2,000 drawn pictures of seed 1, and at most %d pictures", kind, kind, drawn.MaxPictures)
	}
	if o, err = o.ResolveFor(kind, path, 0); err != nil {
		return nil, err
	}
	if o.Cutout != "" {
		return nil, fault.Field("Cutout", o.Cutout, "not available for %s, whose pictures are drawn; leave it empty", path)
	}
	if o.Channels != 3 {
		return nil, fault.Field("Channels", o.Channels, "must be 3 for %s; drawn pictures have no transparency", path)
	}
	total := n + max(1, n/5)
	if o.Split == data.Trainval {
		total = n
	}
	var all *data.Dataset
	if kind+":" == petsPrefix {
		if o.Captions {
			return nil, fmt.Errorf("%s: %w; give pictures that have captions, such as %s", path, data.ErrNoCaptions, DrawnBirds(seed, n))
		}
		all, err = drawn.New(seed, total, drawn.Options{Size: o.Size, Workers: o.Workers})
	} else {
		var birds *drawn.Birds
		if birds, err = drawn.NewBirds(seed, total, drawn.Options{Size: o.Size, Workers: o.Workers}); err == nil {
			all = birds.Dataset
		}
	}
	if err != nil {
		return nil, err
	}
	d := all
	if o.Split == data.Test {
		d = all.Where(func(i int) bool { return i >= n })
	}
	d.Report.Source = fmt.Sprintf("%s: %d of seed %d (%s, %d×%d)", kind, d.Len(), seed, o.Split, o.Size, o.Size)
	return d, nil
}
