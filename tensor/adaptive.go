package tensor

import "fmt"

// AdaptiveAvgPool2d averages t [N, H, W, C] over height×width windows that cover the picture evenly: [N, height, width, C], as in
// PyTorch. Window i of n along an axis of size pixels has the pixels from ⌊i·size/n⌋ to ⌈(i+1)·size/n⌉ − 1. Windows overlap where n
// doesn't divide size.
func (t *Tensor) AdaptiveAvgPool2d(height, width int) *Tensor {
	if t.rank != 4 || min(height, width, t.dims[1], t.dims[2]) < 1 {
		panic(fmt.Sprintf("tensor: AdaptiveAvgPool2d of %v to %d×%d", t, height, width))
	}
	h, w := t.dims[1], t.dims[2]
	switch {
	case height == h && width == w:
		return t.Reshape(t.dims[0], h, w, t.dims[3])
	case height == 1 && width == 1:
		return t.Reshape(t.dims[0], h*w, t.dims[3]).Mean(1).Reshape(t.dims[0], 1, 1, t.dims[3])
	case h%height == 0 && w%width == 0:
		return t.AvgPool2d(PoolOptions{Kernel: [2]int{h / height, w / width}})
	}
	return t.resample(t.device.averages(h, height), t.device.averages(w, width))
}

// averages returns the matrix [from, to] whose column i has the weights of the pixels of window i.
func (d *Device) averages(from, to int) *Tensor {
	values, counts := make([]float32, from*to), make([]float32, to)
	for i := range to {
		first, end := i*from/to, ((i+1)*from+to-1)/to
		for at := first; at < end; at++ {
			values[at*to+i] = 1
		}
		counts[i] = float32(end - first)
	}
	return d.From(values, from, to).Div(d.From(counts, to)) // divided by the device, so exact where it computes in float64
}
