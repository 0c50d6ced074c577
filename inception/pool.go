package inception

import (
	"math"
	"sync"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// pool is a pooling over windows of 3×3, computed on the host: it is a thousandth of the network's work.
type pool int

const (
	none          pool = iota
	maximumHalf        // maximum, stride 2, without padding
	maximum            // maximum, stride 1, padding 1
	averageInside      // mean of the pixels inside of the picture, stride 1, padding 1
	averageAll         // mean of all nine, with the padding of zeros, stride 1, padding 1
)

func (p pool) visit(string, func(nn.Param)) {}

// forward maps [N, H, W, C] to [N, H', W', C].
func (p pool) forward(x *tensor.Tensor) *tensor.Tensor {
	n, h, w, c := x.Dim(0), x.Dim(1), x.Dim(2), x.Dim(3)
	stride, first, outH, outW := 1, -1, h, w
	if p == maximumHalf {
		stride, first, outH, outW = 2, 0, (h-3)/2+1, (w-3)/2+1
	}
	from, to := x.Values(), make([]float32, n*outH*outW*c)
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			in, out := from[i*h*w*c:(i+1)*h*w*c], to[i*outH*outW*c:(i+1)*outH*outW*c]
			for y := range outH {
				for z := range outW {
					p.window(in, out[(y*outW+z)*c:][:c], h, w, y*stride+first, z*stride+first)
				}
			}
		})
	}
	wait.Wait()
	return x.Device().From(to, n, outH, outW, c)
}

// window pools the 3×3 pixels from row top and column left of a picture [h, w, C], of which some may lie outside.
func (p pool) window(in, out []float32, h, w, top, left int) {
	c := len(out)
	average := p == averageInside || p == averageAll
	if !average {
		for k := range out {
			out[k] = float32(math.Inf(-1))
		}
	}
	inside := 0
	for y := max(top, 0); y < min(top+3, h); y++ {
		for x := max(left, 0); x < min(left+3, w); x++ {
			inside++
			pixel := in[(y*w+x)*c:][:c]
			for k, v := range pixel {
				if average {
					out[k] += v
				} else {
					out[k] = max(out[k], v)
				}
			}
		}
	}
	if !average {
		return
	}
	if p == averageAll {
		inside = 9
	}
	for k := range out {
		out[k] /= float32(inside)
	}
}

// resize returns pictures [n, size, size, 3] as values [n, Size, Size, 3] in [−1, 1], by bilinear interpolation as
// torch.nn.functional.interpolate computes it with align_corners=False: no anti-aliasing.
func resize(pixels []uint8, n, size int) []float32 {
	type tap struct {
		from, to int
		weight   float32
	}
	taps := make([]tap, Size)
	for i := range taps {
		at := max(0, (float32(i)+0.5)*(float32(size)/Size)-0.5)
		from := min(int(at), size-1)
		taps[i] = tap{from, min(from+1, size-1), at - float32(from)}
	}
	out := make([]float32, n*Size*Size*3)
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			picture, to := pixels[i*size*size*3:][:size*size*3], out[i*Size*Size*3:][:Size*Size*3]
			for y, row := range taps {
				for x, column := range taps {
					for c := range 3 {
						value := func(y, x int) float32 { return float32(picture[(y*size+x)*3+c]) / 255 }
						upper := (1-column.weight)*value(row.from, column.from) + column.weight*value(row.from, column.to)
						lower := (1-column.weight)*value(row.to, column.from) + column.weight*value(row.to, column.to)
						to[(y*Size+x)*3+c] = 2*((1-row.weight)*upper+row.weight*lower) - 1
					}
				}
			}
		})
	}
	wait.Wait()
	return out
}
