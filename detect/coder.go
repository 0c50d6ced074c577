package detect

import (
	"math"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Coder writes a box relative to a prior, as the four numbers that a detector predicts:
//
//	t = (wx·(x − xp)/w_p, wy·(y − yp)/h_p, ww·ln(w/w_p), wh·ln(h/h_p))
//
// with centres x, y and sizes w, h; p is the prior (Girshick et al., 2014). It is torchvision's BoxCoder.
type Coder struct {
	Weights [4]float64 // wx, wy, ww, wh
	Clip    float64    // largest ln(w/w_p) and ln(h/h_p) that is decoded; 0: none
}

// MaxLogSize is torchvision's Coder.Clip: a box becomes at most 1000/16 times as long as its prior.
var MaxLogSize = math.Log(1000. / 16)

// NewCoder returns torchvision's coder with weights: 10, 10, 5, 5 in SSD and the box heads of Faster R-CNN, 1, 1, 1, 1 in its
// region proposals.
func NewCoder(wx, wy, ww, wh float64) Coder { return Coder{[4]float64{wx, wy, ww, wh}, MaxLogSize} }

// NewVarianceCoder returns the coder of the SSD paper's code, which divides by variances of centres and sizes, 0.1 and 0.2.
// It doesn't clip.
func NewVarianceCoder(center, size float64) Coder {
	return Coder{Weights: [4]float64{1 / center, 1 / center, 1 / size, 1 / size}}
}

// Encode returns the code of a box relative to a prior. Both must have an area.
func (c Coder) Encode(b, prior Box) [4]float32 {
	x, y, w, h := b.Center()
	xp, yp, wp, hp := prior.Center()
	return [4]float32{
		float32(c.Weights[0] * (x - xp) / wp), float32(c.Weights[1] * (y - yp) / hp),
		float32(c.Weights[2] * math.Log(w/wp)), float32(c.Weights[3] * math.Log(h/hp)),
	}
}

// Decode returns the box of a code relative to a prior.
func (c Coder) Decode(code [4]float32, prior Box) Box {
	xp, yp, wp, hp := prior.Center()
	return boxes.FromCenter(
		xp+float64(code[0])/c.Weights[0]*wp, yp+float64(code[1])/c.Weights[1]*hp,
		wp*math.Exp(c.clip(float64(code[2])/c.Weights[2])), hp*math.Exp(c.clip(float64(code[3])/c.Weights[3])),
	)
}

func (c Coder) clip(logSize float64) float64 {
	if c.Clip == 0 {
		return logSize
	}
	return min(logSize, c.Clip)
}

// DecodeTensor returns the boxes of codes [N, 4] relative to priors [N, 4], in corner form and with gradients in the codes.
func (c Coder) DecodeTensor(codes, priors *tensor.Tensor) *tensor.Tensor {
	column := func(t *tensor.Tensor, i int) *tensor.Tensor { return t.Slice(1, i, i+1) } // [N, 1]
	var from, to [2]*tensor.Tensor
	for i := range 2 {
		prior := column(priors, i+2).Sub(column(priors, i)) // width or height
		middle := column(priors, i).Add(column(priors, i+2)).Scale(0.5)
		center := column(codes, i).Scale(1 / c.Weights[i]).Mul(prior).Add(middle)
		logSize := column(codes, i+2).Scale(1 / c.Weights[i+2])
		if c.Clip != 0 {
			logSize = logSize.ClampMax(c.Clip)
		}
		half := logSize.Exp().Mul(prior).Scale(0.5)
		from[i], to[i] = center.Sub(half), center.Add(half)
	}
	return tensor.Concat(1, from[0], from[1], to[0], to[1]) // [N, 4]
}

// Values returns boxes as rows of four numbers, for a tensor [len(b), 4].
func Values(b []Box) []float32 {
	v := make([]float32, 0, 4*len(b))
	for _, b := range b {
		v = append(v, float32(b.X0), float32(b.Y0), float32(b.X1), float32(b.Y1))
	}
	return v
}

// FromValues returns the boxes in rows of four numbers; those of an incomplete last row are left out.
func FromValues(v []float32) []Box {
	all := make([]Box, len(v)/4)
	for i := range all {
		all[i] = Box{X0: float64(v[4*i]), Y0: float64(v[4*i+1]), X1: float64(v[4*i+2]), Y1: float64(v[4*i+3])}
	}
	return all
}
