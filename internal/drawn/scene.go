package drawn

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
)

// SceneClasses are the classes of the animals in scenes.
var SceneClasses = []string{"bird", "cat", "dog"}

const (
	birdClass = iota
	catClass
	dogClass
)

// Animal is an animal in a scene.
type Animal struct {
	Class     int        // index into SceneClasses
	Box       [4]float64 // left, top, right and lower edge in pixels: the smallest box around what is drawn of it, within the picture
	Truncated bool       // it reaches beyond the picture
}

// Scene is a picture of several cats, dogs and birds of different sizes before a background, with things that are no animals.
// The animals hide at most a tenth of each other's boxes.
type Scene struct {
	Width, Height int
	Animals       []Animal

	seed  uint64
	index int
	size  int
}

const (
	purposeScene = 0x7363
	mostAnimals  = 4
	mostHidden   = 0.1 // of the smaller of two boxes
	sceneLeast   = 32  // pixels of a side
	sceneMost    = 1024
)

// NewScene returns scene i of a seed. size is its longer side in pixels, 32 to 1024; its sides are as 1 to 1, 4 to 3 or 3 to 4.
// The scene depends on these three numbers alone. Nothing is drawn yet, see [Scene.Pixels].
func NewScene(seed uint64, i, size int) (*Scene, error) {
	if size < sceneLeast || size > sceneMost {
		return nil, fault.Field("Size", size, "must be %d to %d pixels for drawn scenes", sceneLeast, sceneMost)
	}
	if i < 0 || i >= maxPictures {
		return nil, fmt.Errorf("drawn: there is no scene %d; choose 0 to %d", i, maxPictures-1)
	}
	s := &Scene{seed: seed, index: i, size: size}
	r := s.dice()
	s.shape(r)
	for _, m := range s.members(r) {
		s.Animals = append(s.Animals, m.Animal)
	}
	return s, nil
}

func (s *Scene) dice() dice {
	return dice{rand.New(data.NewPhilox(s.seed, purposeScene, uint64(s.index)))}
}

// shape chooses the sides.
func (s *Scene) shape(r dice) {
	s.Width, s.Height = s.size, s.size
	switch r.IntN(3) {
	case 0:
		s.Height = s.size * 3 / 4
	case 1:
		s.Width = s.size * 3 / 4
	}
}

// Pixels draws the scene, [Height, Width, 3].
func (s *Scene) Pixels() []uint8 { return s.draw(true) }

// draw draws the scene, with or without its animals.
func (s *Scene) draw(animals bool) []uint8 {
	r := s.dice()
	s.shape(r)
	members := s.members(r)
	c := newCanvas(s.size)
	c.reset()
	// A scene that isn't square is the upper left part of the canvas.
	share := point{float64(s.Width) / float64(s.size), float64(s.Height) / float64(s.size)}
	c.within(placed(point{}, 0, share.x, share.y), func() {
		horizon := r.in(0.3, 0.7)
		if r.chance(0.5) {
			outdoors(c, r, horizon)
		} else {
			indoors(c, r, horizon)
		}
		for range r.IntN(4) {
			clutter(c, r)
		}
	})
	if animals {
		for _, i := range byNearness(members) {
			c.within(members[i].at, func() { members[i].draw(c) })
		}
	}
	whole := make([]uint8, s.size*s.size*3)
	c.write(whole)
	if s.Width == s.size {
		return whole[:s.Height*s.size*3]
	}
	pixels := make([]uint8, 0, s.Width*s.Height*3)
	for y := range s.Height {
		pixels = append(pixels, whole[y*s.size*3:][:s.Width*3]...)
	}
	return pixels
}

// Masks returns which pixels the animals cover, [Height, Width] each, in their order: those that are seen, as nearer animals hide
// others. A pixel is covered if at least half of it is.
func (s *Scene) Masks() [][]uint8 {
	r := s.dice()
	s.shape(r)
	members := s.members(r)
	c := newCanvas(s.size)
	c.reset()
	c.marks = make([]uint8, s.size*s.size)
	for _, i := range byNearness(members) {
		c.mark = uint8(i + 1)
		c.within(members[i].at, func() { members[i].draw(c) })
	}
	all := make([][]uint8, len(members))
	for i := range all {
		all[i] = make([]uint8, 0, s.Width*s.Height)
		for y := range s.Height {
			for _, mark := range c.marks[y*s.size:][:s.Width] {
				pixel := uint8(0)
				if mark == uint8(i+1) {
					pixel = 1
				}
				all[i] = append(all[i], pixel)
			}
		}
	}
	return all
}

// byNearness returns the indices of animals, the farthest first: what stands lower is nearer.
func byNearness(members []member) []int {
	order := make([]int, len(members))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(members[i].Box[3], members[j].Box[3]) })
	return order
}

// clutter draws a thing that is no animal: a ball, a box or a bush.
func clutter(c *canvas, r dice) {
	at, size := point{r.in(0, 1), r.in(0.3, 1)}, r.in(0.03, 0.1)
	paint := hsl(r.Float64(), r.in(0.3, 0.7), r.in(0.3, 0.7))
	switch r.IntN(3) {
	case 0:
		c.fill(ellipse(at, size, size), round(at, size, paint))
	case 1:
		c.fill(rectangle(point{at.x - size, at.y - 0.8*size}, point{at.x + size, at.y + 0.8*size}), across(at, point{at.x, at.y + size}, paint, paint.darker(0.3)))
		c.fill(rectangle(point{at.x - size, at.y - 0.1*size}, point{at.x + size, at.y + 0.1*size}), flat(paint.lighter(0.4)))
	default:
		leaves := hsl(r.in(0.22, 0.38), r.in(0.3, 0.6), r.in(0.25, 0.45))
		for range 4 {
			leaf := point{at.x + r.in(-1, 1)*size, at.y + r.in(-0.6, 0.6)*size}
			c.fill(ellipse(leaf, 0.8*size, 0.7*size), round(leaf, size, leaves))
		}
	}
}

// member is an animal with how it is drawn.
type member struct {
	Animal
	at   affine // from its own coordinates to those of the canvas
	draw func(c *canvas)
}

// members chooses the animals and their places.
func (s *Scene) members(r dice) (all []member) {
	ruler := newRuler()
	width, height := float64(s.Width), float64(s.Height)
	wanted := 1 + r.IntN(mostAnimals)
	for range 12 * wanted {
		if len(all) == wanted {
			break
		}
		m := newMember(r)
		own := ruler.measured(func() { m.draw(ruler) })
		long := math.Exp(r.in(math.Log(0.25), math.Log(0.75))) * min(width, height)
		scale := long / max(own.hi.x-own.lo.x, own.hi.y-own.lo.y)
		w, h := (own.hi.x-own.lo.x)*scale, (own.hi.y-own.lo.y)*scale
		// A tenth of an animal's sides may be beyond the picture.
		left, top := r.in(-0.1*w, width-0.9*w), r.in(-0.1*h, height-0.9*h)
		cut := [4]float64{max(left, 0), max(top, 0), min(left+w, width), min(top+h, height)}
		if slices.ContainsFunc(all, func(o member) bool { return hides(o.Box, cut) > mostHidden }) {
			continue
		}
		m.Box, m.Truncated = cut, cut != [4]float64{left, top, left + w, top + h}
		share := scale / float64(s.size)
		m.at = placed(point{left/float64(s.size) - own.lo.x*share, top/float64(s.size) - own.lo.y*share}, 0, share, share)
		all = append(all, m)
	}
	return all
}

// newRuler returns a canvas that measures in own coordinates.
func newRuler() *canvas { return &canvas{to: affine{a: 1, e: 1}} }

// hides returns the share of the smaller of two boxes that both cover.
func hides(a, b [4]float64) float64 {
	w, h := min(a[2], b[2])-max(a[0], b[0]), min(a[3], b[3])-max(a[1], b[1])
	if w <= 0 || h <= 0 {
		return 0
	}
	return w * h / min((a[2]-a[0])*(a[3]-a[1]), (b[2]-b[0])*(b[3]-b[1]))
}

// newMember chooses an animal.
func newMember(r dice) (m member) {
	m.Class = r.IntN(len(SceneClasses))
	if m.Class == birdClass {
		s := stance{scale: 1, tilt: r.in(-0.25, 0.25), left: r.chance(0.5)}
		wing, belly, bill := Colour(r.IntN(colours)).shade(r), Colour(r.IntN(colours)).shade(r), Colour(r.IntN(colours)).shade(r)
		skin := hsl(r.in(0.03, 0.1), r.in(0.2, 0.5), r.in(0.25, 0.45))
		m.draw = func(c *canvas) {
			s.feet(c, skin)
			s.plumage(c, wing, belly, bill)
		}
		return m
	}
	p := pose{sitting: true, unit: 1, tilt: r.in(-0.22, 0.22), look: r.in(-1, 1), side: 1}
	if r.chance(0.5) {
		p.side = -1
	}
	if m.Class == catClass {
		k := newCat(r)
		m.draw = func(c *canvas) { k.draw(c, p) }
	} else {
		k := newDog(r)
		m.draw = func(c *canvas) { k.draw(c, p) }
	}
	return m
}
