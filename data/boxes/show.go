package boxes

import (
	"math"
	"math/rand/v2"
)

// Distortion is a change of colours.
type Distortion struct {
	Kind   DistortionKind
	Amount float64 // factor, or the share of the circle that the hue is turned by
}

// DistortionKind is what a [Distortion] changes, with torchvision's adjust_brightness, adjust_contrast and so on.
type DistortionKind uint8

// The kinds.
const (
	Brightness DistortionKind = iota // multiplies the colours
	Contrast                         // multiplies the difference from the mean grey of the view
	Saturation                       // multiplies the difference from the pixel's grey
	Hue                              // turns the hue
)

// colours draws distortions in random order.
func (a SSD) colours(r *rand.Rand) []Distortion {
	var all []Distortion
	for _, kind := range r.Perm(4) {
		chosen, amount := r.Float64() < a.Distort, 2*r.Float64()-1
		switch kind := DistortionKind(kind); {
		case !chosen:
		case kind == Hue && a.Hue > 0:
			all = append(all, Distortion{kind, a.Hue * amount})
		case kind != Hue && a.Colour > 0:
			all = append(all, Distortion{kind, 1 + a.Colour*amount})
		}
	}
	return all
}

// weights are the pixels of a line that make a pixel of the view: from, and a weight for each.
type weights struct {
	from int
	of   []float32
}

// filter returns the weights of n pixels of a view of a line's segment: bilinear interpolation, with a wider filter where it is
// scaled down (torchvision's antialias). Pixels beyond the line, of which there are any number, have the background's colour;
// inside is the sum of the weights of the others.
func filter(n, line int, start, length float64) (all []weights, inside []float32) {
	all, inside = make([]weights, n), make([]float32, n)
	scale := length / float64(n)
	radius := max(scale, 1)
	for i := range all {
		center := start + (float64(i)+0.5)*scale
		from, to := int(math.Floor(center-radius)), int(math.Ceil(center+radius))
		total, sum := 0., 0.
		w := weights{from: min(max(from, 0), line)}
		for j := from; j < to; j++ {
			v := max(1-math.Abs(float64(j)+0.5-center)/radius, 0)
			total += v
			if j >= 0 && j < line {
				w.of = append(w.of, float32(v))
				sum += v
			}
		}
		for k := range w.of {
			w.of[k] /= float32(total)
		}
		all[i], inside[i] = w, float32(sum/total)
	}
	return all, inside
}

// Show writes the view of a picture to dst, [height, width, 3] in [-1, 1].
func (v View) Show(dst []float32, m *Image, width, height int) {
	columns, insideX := filter(width, m.Width, v.Cut.X0, v.Cut.Width())
	rows, insideY := filter(height, m.Height, v.Cut.Y0, v.Cut.Height())
	// Only the rows that some row of the view needs are filtered.
	first, last := m.Height, 0
	for _, w := range rows {
		if len(w.of) > 0 {
			first, last = min(first, w.from), max(last, w.from+len(w.of))
		}
	}
	wide := make([]float32, max(last-first, 0)*width*3) // [last − first, width, 3]
	for y := first; y < last; y++ {
		line, to := m.Pixels[y*m.Width*3:(y+1)*m.Width*3], wide[(y-first)*width*3:]
		for x, w := range columns {
			var r, g, b float32
			at := w.from * 3
			for _, weight := range w.of {
				pixel := line[at : at+3]
				r += weight * float32(pixel[0])
				g += weight * float32(pixel[1])
				b += weight * float32(pixel[2])
				at += 3
			}
			to[3*x], to[3*x+1], to[3*x+2] = r, g, b
		}
	}
	line := make([]float32, width*3)
	for y, w := range rows {
		clear(line)
		for k, weight := range w.of {
			from := wide[(w.from-first+k)*width*3:][:width*3]
			for i, value := range from {
				line[i] += weight * value
			}
		}
		for x := range width {
			outside := 1 - insideX[x]*insideY[y]
			to := x
			if v.Mirror {
				to = width - 1 - x
			}
			for c := range 3 {
				dst[(y*width+to)*3+c] = (line[3*x+c] + outside*float32(v.Background[c])) / 255
			}
		}
	}
	dst = dst[:width*height*3]
	for _, d := range v.Colours {
		d.apply(dst)
	}
	for i, value := range dst {
		dst[i] = 2*value - 1
	}
}

// apply changes colours in [0, 1].
func (d Distortion) apply(pixels []float32) {
	amount := float32(d.Amount)
	unit := func(v float32) float32 { return min(max(v, 0), 1) }
	grey := func(p []float32) float32 { return 0.2989*p[0] + 0.587*p[1] + 0.114*p[2] }
	switch d.Kind {
	case Brightness:
		for i, v := range pixels {
			pixels[i] = unit(v * amount)
		}
	case Contrast:
		sum := 0.
		for i := 0; i < len(pixels); i += 3 {
			sum += float64(grey(pixels[i : i+3]))
		}
		mean := float32(sum / float64(max(len(pixels)/3, 1)))
		for i, v := range pixels {
			pixels[i] = unit(mean + amount*(v-mean))
		}
	case Saturation:
		for i := 0; i < len(pixels); i += 3 {
			p := pixels[i : i+3]
			g := grey(p)
			for c, v := range p {
				p[c] = unit(g + amount*(v-g))
			}
		}
	case Hue:
		for i := 0; i < len(pixels); i += 3 {
			turn(pixels[i:i+3], d.Amount)
		}
	}
}

// turn turns the hue of a pixel by a share of the circle, in HSV.
func turn(p []float32, by float64) {
	r, g, b := float64(p[0]), float64(p[1]), float64(p[2])
	value, least := max(r, g, b), min(r, g, b)
	chroma := value - least
	if chroma == 0 {
		return
	}
	var hue float64 // in sixths
	switch value {
	case r:
		hue = (g - b) / chroma
	case g:
		hue = (b-r)/chroma + 2
	default:
		hue = (r-g)/chroma + 4
	}
	hue = math.Mod(hue+6*by+12, 6)
	channel := func(shift float64) float32 {
		k := math.Mod(shift+hue, 6)
		return float32(value - chroma*max(0, min(k, 4-k, 1)))
	}
	p[0], p[1], p[2] = channel(5), channel(3), channel(1)
}
