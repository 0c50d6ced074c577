package tensor_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/gradcheck"
	. "github.com/bestiary-ml/bestiary/tensor"
)

// TestDepthwiseConv2d compares with Conv2d in as many groups as channels, of a padded picture.
func TestDepthwiseConv2d(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string, low, high int) int { return rapid.IntRange(low, high).Draw(t, name) }
		pair := func(name string, low, high int) [2]int { return [2]int{draw(name, low, high), draw(name, low, high)} }
		o := DepthwiseOptions{
			Stride: pair("stride", 0, 3), Dilation: pair("dilation", 0, 2),
			Top: draw("top", 0, 3), Bottom: draw("bottom", 0, 3), Left: draw("left", 0, 3), Right: draw("right", 0, 3),
		}
		r, channels, taps := gradcheck.Rand(t), draw("channels", 1, 3), pair("kernel", 1, 3)
		size := pair("size", 1, 5)
		for i, pad := range []int{o.Top + o.Bottom, o.Left + o.Right} { // the dilated kernel must fit in
			size[i] = max(size[i], max(o.Dilation[i], 1)*(taps[i]-1)+1-pad)
		}
		x, w := gradcheck.Normal(d, r, draw("pictures", 1, 2), size[0], size[1], channels), gradcheck.Normal(d, r, taps[0], taps[1], 1, channels)
		bias, inputs := gradcheck.Normal(d, r, channels), []*Tensor{x, w}
		if rapid.Bool().Draw(t, "no bias") {
			bias = nil
		} else {
			inputs = append(inputs, bias)
		}
		padded := x.Pad(o.Top, o.Bottom, o.Left, o.Right)
		want := padded.Conv2d(w, bias, ConvOptions{Stride: o.Stride, Dilation: o.Dilation, Groups: channels})
		gradcheck.Values(t, x.DepthwiseConv2d(w, bias, o), want.Shape(), gradcheck.Exact(want))
		gradcheck.Check(t, func() *Tensor { return x.DepthwiseConv2d(w, bias, o) }, inputs...)
	})
	x, w := d.Zeros(1, 4, 4, 2), d.Zeros(3, 3, 1, 2)
	gradcheck.Panics(t, func() { x.DepthwiseConv2d(d.Zeros(3, 3, 1, 3), nil, DepthwiseOptions{}) })
	gradcheck.Panics(t, func() { x.DepthwiseConv2d(w, d.Zeros(3), DepthwiseOptions{}) })
	gradcheck.Panics(t, func() { x.DepthwiseConv2d(w, nil, DepthwiseOptions{Top: -1}) })
	gradcheck.Panics(t, func() { x.DepthwiseConv2d(d.Zeros(5, 3, 1, 2), nil, DepthwiseOptions{}) })
}

func TestSamePadding(t *testing.T) {
	for _, c := range [][6]int{{8, 3, 2, 1, 0, 1}, {9, 3, 2, 1, 1, 1}, {8, 5, 1, 1, 2, 2}, {8, 1, 2, 1, 0, 0}, {7, 3, 1, 2, 2, 2}, {14, 5, 2, 1, 1, 2}} {
		if before, after := SamePadding(c[0], c[1], c[2], c[3]); before != c[4] || after != c[5] {
			t.Errorf("size %d, kernel %d, stride %d, dilation %d: %d and %d, want %d and %d", c[0], c[1], c[2], c[3], before, after, c[4], c[5])
		}
	}
}
