package drawn

import "sync"

// grain is the side of templates, to which MeasureColours reduces a picture.
const grain = 32

// The segments of a picture: parts of the bird, its eye and the rest.
const (
	partWing = iota
	partBelly
	partBill
	parts
	partEye = iota - 1
	partRest
	segments
)

// template lists the pixels of a grain×grain picture that belong mostly to each part of a bird in one stance.
type template struct {
	stance stance
	pixels [parts][]uint16
}

// templates are a grid of stances, a little wider than newStance's, as a model's birds may exceed its limits.
var templates = sync.OnceValue(func() []template {
	c := newCanvas(grain)
	var all []template
	for _, left := range []bool{false, true} {
		for _, scale := range []float64{0.86, 0.94, 1.02} {
			for _, tilt := range []float64{-0.1, 0, 0.1} {
				for dx := -2; dx <= 2; dx++ {
					for dy := -2; dy <= 2; dy++ {
						middle := point{0.5 + float64(dx)*0.024, 0.5 + float64(dy)*0.024}
						all = append(all, newTemplate(c, stance{middle, scale, tilt, left}))
					}
				}
			}
		}
	}
	return all
})

func newTemplate(c *canvas, s stance) template {
	t := template{stance: s}
	cover := coverage(c, s)
	for part := range t.pixels {
		for i := range grain * grain {
			if cover[part][i] >= 0.5 {
				t.pixels[part] = append(t.pixels[part], uint16(i))
			}
		}
	}
	return t
}

// plane is one channel of a picture.
type plane [grain * grain]float32

// coverage returns the share of each pixel that each segment covers.
func coverage(c *canvas, s stance) *[segments]plane {
	var cover [segments]plane
	// A canvas has three channels, so the five segments are drawn twice, at most three of them visible.
	for first := 0; first < segments; first += 3 {
		ink := func(part int) paint {
			rgb := [3]float32{}
			if k := part - first; k >= 0 && k < 3 {
				rgb[k] = 1
			}
			return flat(color{rgb[0], rgb[1], rgb[2], 1})
		}
		c.reset()
		c.fill(rectangle(point{0, 0}, point{1, 1}), ink(partRest))
		s.within(c, s.tilt, func() {
			c.fill(birdTail, ink(partWing))
			c.fill(birdBody, ink(partBelly))
			c.fill(birdWing, ink(partWing))
			c.fill(birdBill, ink(partBill))
			c.fill(ellipse(birdEye, eyeRadius, eyeRadius), ink(partEye))
		})
		for part := first; part < min(first+3, segments); part++ {
			for i := range cover[part] {
				cover[part][i] = c.rgb[i*3+part-first]
			}
		}
	}
	return &cover
}

// blur applies the filter (1, 2, 1)/4 along both axes, several times; the border pixels repeat.
func (p *plane) blur(passes int) {
	var q plane
	smooth := func(dst, src *plane, i, at, step int) {
		before, after := i, i
		if at > 0 {
			before = i - step
		}
		if at < grain-1 {
			after = i + step
		}
		dst[i] = (src[before] + 2*src[i] + src[after]) / 4
	}
	for range passes {
		for i := range p {
			smooth(&q, p, i, i%grain, 1)
		}
		for i := range p {
			smooth(p, &q, i, i/grain, grain)
		}
	}
}
