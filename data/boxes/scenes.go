package boxes

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/mask"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/drawn"
	"github.com/bestiary-ml/bestiary/internal/ram"
)

const (
	layoutScenes = "scenes"
	scenesPrefix = layoutScenes + ":"
	sceneSize    = 256 // pixels of the longer side
)

// ScenesPath returns the path of n drawn scenes of a seed: "scenes:SEED:N". [Open] draws them.
func ScenesPath(seed uint64, n int) string { return fmt.Sprintf("%s%d:%d", scenesPrefix, seed, n) }

// IsScenes reports whether a path names drawn scenes, be it well formed or not.
func IsScenes(path string) bool { return strings.HasPrefix(path, scenesPrefix) }

// Scenes are pictures that this module draws: one to four cats, dogs and birds of different sizes, with exact boxes, before
// backgrounds with things that are no animals. The longer side has 256 pixels. The path is "scenes:SEED:N". Scenes 0 to N−1 of
// the seed are split Trainval, the next N/5 (at least one) are split Test. Each scene depends on the seed and its number alone.
//
// With o.Masks, the mask of an animal is what is seen of it, and its box stays the one around all of it. A picture is drawn when it is
// read. There is no file at its Path.
func Scenes(path string, o Options) (*Set, error) {
	r, err := newReading(layoutScenes, path, o)
	if err != nil {
		return nil, err
	}
	seed, n, err := drawn.SeedAndNumber(strings.TrimPrefix(path, scenesPrefix))
	if err != nil {
		return nil, fault.Field("Path", path, "must be scenes:SEED:N, such as scenes:1:2000 for 2,000 drawn scenes of seed 1, and at most %d", drawn.MaxPictures)
	}
	from, to := 0, n+max(1, n/5)
	switch o.Split {
	case data.Trainval:
		to = n
	case data.Test:
		from = n
	}
	if err := ram.Check(fmt.Sprintf("%d drawn scenes", to-from), (to-from)*1024); err != nil {
		return nil, err
	}
	if !r.fixed {
		for _, name := range drawn.SceneClasses {
			r.class(name)
		}
		r.fixed = true
	}
	scenes, masks := make([]*drawn.Scene, to-from), make([][]mask.RLE, to-from)
	for i := range scenes {
		if scenes[i], err = drawn.NewScene(seed, from+i, sceneSize); err != nil {
			return nil, err
		}
	}
	if o.Masks {
		if err := drawnMasks(scenes, masks); err != nil {
			return nil, err
		}
	}
	for i := from; i < to; i++ {
		s := scenes[i-from]
		name := fmt.Sprintf("scene %d", i)
		p := Picture{Name: name, Path: path + "/" + name, ID: int64(i) + 1, Width: s.Width, Height: s.Height}
		p.draw = func() *Image { return &Image{Width: s.Width, Height: s.Height, Pixels: s.Pixels()} }
		for k, a := range s.Animals {
			class, ok := r.class(drawn.SceneClasses[a.Class])
			object := Object{Class: class, Box: Box{a.Box[0], a.Box[1], a.Box[2], a.Box[3]}, Truncated: a.Truncated}
			switch at := (mark{file: p.Path}); {
			case !ok:
				r.unknown(at, drawn.SceneClasses[a.Class])
			case o.Masks:
				r.addMasked(&p, at, object, &mask.Mask{Runs: &masks[i-from][k]}, false)
			default:
				r.add(&p, at, object)
			}
		}
		r.keep(p)
	}
	return r.done()
}

// drawnMasks draws the masks of the animals in scenes.
func drawnMasks(scenes []*drawn.Scene, masks [][]mask.RLE) error {
	failures := make([]error, len(scenes))
	for lo := 0; lo < len(scenes); lo += 64 {
		var wait sync.WaitGroup
		for i := lo; i < min(lo+64, len(scenes)); i++ {
			wait.Go(func() {
				for _, pixels := range scenes[i].Masks() {
					m, err := mask.FromPixels(pixels, scenes[i].Width, scenes[i].Height)
					failures[i] = errors.Join(failures[i], err)
					masks[i] = append(masks[i], m)
				}
			})
		}
		wait.Wait()
	}
	return errors.Join(failures...)
}
