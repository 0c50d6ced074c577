package detect

import (
	"math"

	"github.com/bestiary-ml/bestiary/tensor"
)

// pair are predicted and true boxes as columns of coordinates, [N, 1] each, with what all losses need.
type pair struct {
	predicted, truth   [4]*tensor.Tensor
	iou, union         *tensor.Tensor
	aroundX0, aroundX1 *tensor.Tensor // of the smallest box around both
	aroundY0, aroundY1 *tensor.Tensor
}

func newPair(predicted, truth *tensor.Tensor) *pair {
	p := &pair{}
	for i := range 4 {
		p.predicted[i], p.truth[i] = predicted.Slice(1, i, i+1), truth.Slice(1, i, i+1) // [N, 1]
	}
	a, b := p.predicted, p.truth
	inter := lower(a[2], b[2]).Sub(upper(a[0], b[0])).ReLU().Mul(lower(a[3], b[3]).Sub(upper(a[1], b[1])).ReLU())
	p.union = area(a).Add(area(b)).Sub(inter)
	p.iou = inter.Div(p.union.AddScalar(eps))
	return p
}

// enclose computes the box around both.
func (p *pair) enclose() {
	a, b := p.predicted, p.truth
	p.aroundX0, p.aroundY0 = lower(a[0], b[0]), lower(a[1], b[1])
	p.aroundX1, p.aroundY1 = upper(a[2], b[2]), upper(a[3], b[3])
}

// upper returns the elementwise maximum.
func upper(a, b *tensor.Tensor) *tensor.Tensor { return a.Add(b.Sub(a).ReLU()) }

// lower returns the elementwise minimum.
func lower(a, b *tensor.Tensor) *tensor.Tensor { return a.Sub(a.Sub(b).ReLU()) }

func area(b [4]*tensor.Tensor) *tensor.Tensor { return b[2].Sub(b[0]).Mul(b[3].Sub(b[1])) }

// loss returns 1 − measure as [N].
func loss(measure *tensor.Tensor) *tensor.Tensor {
	return measure.Neg().AddScalar(1).Reshape(measure.Dim(0))
}

// IoULoss returns 1 − IoU of N pairs of boxes in corner form: predicted and truth are [N, 4], the result is [N]. It has no
// gradient where two boxes don't meet. Boxes must not be inverted.
func IoULoss(predicted, truth *tensor.Tensor) *tensor.Tensor {
	return loss(newPair(predicted, truth).iou)
}

// GIoULoss returns 1 − GIoU of N pairs of boxes; see [IoULoss]. It is torchvision's generalized_box_iou_loss.
func GIoULoss(predicted, truth *tensor.Tensor) *tensor.Tensor {
	p := newPair(predicted, truth)
	p.enclose()
	around := p.aroundX1.Sub(p.aroundX0).Mul(p.aroundY1.Sub(p.aroundY0))
	return loss(p.iou.Sub(around.Sub(p.union).Div(around.AddScalar(eps))))
}

// DIoULoss returns 1 − DIoU of N pairs of boxes; see [IoULoss]. It is torchvision's distance_box_iou_loss.
func DIoULoss(predicted, truth *tensor.Tensor) *tensor.Tensor {
	return loss(newPair(predicted, truth).diou())
}

func (p *pair) diou() *tensor.Tensor {
	p.enclose()
	diagonal := p.aroundX1.Sub(p.aroundX0).Square().Add(p.aroundY1.Sub(p.aroundY0).Square())
	a, b := p.predicted, p.truth
	x := a[0].Add(a[2]).Sub(b[0].Add(b[2])).Scale(0.5)
	y := a[1].Add(a[3]).Sub(b[1].Add(b[3])).Scale(0.5)
	return p.iou.Sub(x.Square().Add(y.Square()).Div(diagonal.AddScalar(eps)))
}

// CIoULoss returns 1 − CIoU of N pairs of boxes; see [IoULoss]. It is torchvision's complete_box_iou_loss. As there, α is a
// constant for the gradient.
func CIoULoss(predicted, truth *tensor.Tensor) *tensor.Tensor {
	p := newPair(predicted, truth)
	measure := p.diou()
	v := angle(p.truth).Sub(angle(p.predicted)).Square().Scale(4 / (math.Pi * math.Pi))
	alpha := v.Detach().Div(v.Sub(p.iou).AddScalar(1 + eps).Detach())
	return loss(measure.Sub(alpha.Mul(v)))
}

// angle returns atan(width/height) of boxes. It halves the angle three times, tan(θ/2) = tan θ / (1 + √(1 + tan² θ)), and then
// the series has eight terms for an error below 1e-12.
func angle(b [4]*tensor.Tensor) *tensor.Tensor {
	width, height := b[2].Sub(b[0]), b[3].Sub(b[1])
	t := width.Div(width.Square().Add(height.Square()).AddScalar(1e-16).Sqrt().Add(height)) // tan(θ/2)
	for range 2 {
		t = t.Div(t.Square().AddScalar(1).Sqrt().AddScalar(1))
	}
	square := t.Square()
	series := square.Scale(-1.0 / 15)
	for n := 13; n >= 3; n -= 2 {
		sign := 1.0
		if n%4 == 3 {
			sign = -1
		}
		series = series.AddScalar(sign / float64(n)).Mul(square)
	}
	return series.AddScalar(1).Mul(t).Scale(8)
}
