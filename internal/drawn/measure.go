package drawn

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// Measured is the result of [MeasureColours].
type Measured struct {
	Bird
	Confidence [3]float64 // of wing, belly and bill, from 0 (another colour is as near) to 1
}

// MeasureColours finds the colours of wing, belly and bill of the bird in a picture, [size, size, 3]. The picture may be
// blurred or noisy, as a model's pictures are. It works from the pixels and the outlines alone:
//
//  1. It chooses the stance whose parts and background are most uniform in colour.
//  2. It finds the colours that explain the pixels best (least squares), for several degrees of blur of the outline.
//  3. It returns the nearest colours of the palette.
//
// In a picture without a bird the result is meaningless.
func MeasureColours(picture []uint8, size int) (Measured, error) {
	if size < 8 || len(picture) != size*size*3 {
		return Measured{}, fmt.Errorf("drawn: %d bytes are not a picture of %d×%d pixels in RGB; give one of 8×8 or larger", len(picture), size, size)
	}
	p := reduced(picture, size)
	found := unmix(p, place(p).stance)
	var m Measured
	m.Wing, m.Confidence[partWing] = nearest(found[partWing], plumages)
	m.Belly, m.Confidence[partBelly] = nearest(found[partBelly], plumages)
	m.Bill, m.Confidence[partBill] = nearest(found[partBill], bills)
	return m, nil
}

// place finds the template that explains most of the picture's variance by four means: of the three parts and of the rest. The
// total is the same for all templates, so it maximises Σ |sum of a segment|² / its number of pixels.
func place(p *[3]plane) *template {
	var total [3]float32
	for k := range p {
		for _, v := range p[k] {
			total[k] += v
		}
	}
	all := templates()
	best, most := 0, float32(-1)
	for i := range all {
		rest, n, between := total, grain*grain, float32(0)
		for _, pixels := range all[i].pixels {
			var r, g, b float32
			for _, at := range pixels {
				r += p[0][at]
				g += p[1][at]
				b += p[2][at]
			}
			between += (r*r + g*g + b*b) / float32(len(pixels))
			rest[0], rest[1], rest[2] = rest[0]-r, rest[1]-g, rest[2]-b
			n -= len(pixels)
		}
		between += (rest[0]*rest[0] + rest[1]*rest[1] + rest[2]*rest[2]) / float32(n)
		if between > most {
			best, most = i, between
		}
	}
	return &all[best]
}

// unmix finds the colours of the segments, for the degree of blur that fits the picture best.
func unmix(p *[3]plane, s stance) (found [segments][3]float32) {
	cover := coverage(newCanvas(grain), s)
	least := math.Inf(1)
	passes := 0
	for _, more := range []int{0, 1, 2, 4, 6} {
		passes += more
		for part := range cover {
			cover[part].blur(more)
		}
		// The normal equations gram · colours = mixed, regularised towards grey for segments that are hardly visible.
		gram := mat.NewSymDense(segments, nil)
		mixed := mat.NewDense(segments, 3, nil)
		for a := range segments {
			for b := range a + 1 {
				gram.SetSym(a, b, dot(&cover[a], &cover[b]))
			}
			for k := range p {
				mixed.Set(a, k, dot(&cover[a], &p[k])+0.5*0.05)
			}
			gram.SetSym(a, a, gram.At(a, a)+0.05)
		}
		var factor mat.Cholesky
		var solved mat.Dense
		if !factor.Factorize(gram) || factor.SolveTo(&solved, mixed) != nil {
			continue // never happens: the regularisation makes gram positive definite
		}
		// |picture − mixture|² is |picture|² − colours · mixed, up to the regularisation.
		var fit float64
		for a := range segments {
			for k := range 3 {
				fit -= solved.At(a, k) * mixed.At(a, k)
			}
		}
		if fit < least {
			least = fit
			for a := range segments {
				for k := range 3 {
					found[a][k] = float32(solved.At(a, k))
				}
			}
		}
	}
	return found
}

func dot(a, b *plane) float64 {
	var sum float32
	for i := range a {
		sum += a[i] * b[i]
	}
	return float64(sum)
}

// reduced resizes a picture to the size of templates by area averaging, and scales it to 0 to 1.
func reduced(picture []uint8, size int) *[3]plane {
	var p [3]plane
	step := float64(size) / grain
	for y := range grain {
		for x := range grain {
			var sum [3]float64
			top, left := float64(y)*step, float64(x)*step
			for sy := int(top); sy < size && float64(sy) < top+step; sy++ {
				h := min(float64(sy+1), top+step) - max(float64(sy), top)
				for sx := int(left); sx < size && float64(sx) < left+step; sx++ {
					w := h * (min(float64(sx+1), left+step) - max(float64(sx), left))
					for k := range sum {
						sum[k] += w * float64(picture[(sy*size+sx)*3+k])
					}
				}
			}
			for k := range sum {
				p[k][y*grain+x] = float32(sum[k] / (step * step * 255))
			}
		}
	}
	return &p
}
