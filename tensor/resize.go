package tensor

import "fmt"

// ResizeBilinear resizes pictures t [N, H, W, C] to [N, height, width, C] by bilinear interpolation between the centres of pixels, as
// torch.nn.functional.interpolate does with align_corners=False: without anti-aliasing.
func (t *Tensor) ResizeBilinear(height, width int) *Tensor {
	if t.rank != 4 || min(height, width, t.dims[1], t.dims[2]) < 1 {
		panic(fmt.Sprintf("tensor: ResizeBilinear of %v to %d×%d", t, height, width))
	}
	return t.resample(t.device.interpolation(t.dims[1], height), t.device.interpolation(t.dims[2], width))
}

// resample returns weighted sums of the rows and columns of pictures t [N, H, W, C] for matrices [H, height] and [W, width]:
// [N, height, width, C].
func (t *Tensor) resample(rows, columns *Tensor) *Tensor {
	x := t.Permute(0, 3, 1, 2)   // [N, C, H, W]
	x = x.MatMul(columns)        // [N, C, H, width]
	x = x.Permute(0, 1, 3, 2)    // [N, C, width, H]
	x = x.MatMul(rows)           // [N, C, width, height]
	return x.Permute(0, 3, 2, 1) // [N, height, width, C]
}

// interpolation returns the matrix [from, to] whose column i has the weights of the pixels that pixel i lies between.
func (d *Device) interpolation(from, to int) *Tensor {
	values := make([]float32, from*to)
	for i := range to {
		at := max(0, (float64(i)+0.5)*float64(from)/float64(to)-0.5)
		lower := min(int(at), from-1)
		weight := float32(at - float64(lower))
		values[lower*to+i] += 1 - weight
		values[min(lower+1, from-1)*to+i] += weight
	}
	return d.From(values, from, to)
}
