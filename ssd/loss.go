package ssd

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Parts are the parts of a loss, single numbers, of which it is the sum.
type Parts struct {
	Classification *tensor.Tensor // cross-entropy of matched priors and hard negatives, divided by the number of matched priors
	Regression     *tensor.Tensor // loss of the boxes of matched priors, divided likewise
	Matched        int            // priors that are matched to an object
}

// Loss returns the loss of pictures x [N, S, S, 3] with values in [−1, 1], and its parts. objects are those of each picture; their boxes
// are in pixels of x. Crowds are left out. It panics if an object has a class that the model doesn't have, or an empty box.
func (m *Model) Loss(x *tensor.Tensor, objects [][]boxes.Object) (loss *tensor.Tensor, parts Parts) {
	logits, codes := m.Forward(x)
	parts = m.Losses(logits, codes, objects)
	return parts.Classification.Add(parts.Regression), parts
}

// targets say what each prior of a batch is to predict.
type targets struct {
	labels  []int32      // [N·P] class, or 0 for the background
	matched []int32      // indices of matched priors in labels
	priors  []detect.Box // of matched
	truth   []detect.Box // likewise
	counts  []int        // matched priors of each picture
	empty   []bool       // of each picture: it has no objects
}

// match finds the object of each prior.
func (m *Model) match(objects [][]boxes.Object) targets {
	p := len(m.priors)
	matcher := detect.SSDMatcher(m.config.MatchIoU)
	t := targets{labels: make([]int32, len(objects)*p), counts: make([]int, len(objects)), empty: make([]bool, len(objects))}
	for i, own := range objects {
		var around []detect.Box
		var classes []int
		for _, o := range own {
			switch {
			case o.Crowd:
				continue
			case o.Class < 0 || o.Class >= m.config.Classes || o.Box.Empty() || !o.Box.Finite():
				panic(fmt.Sprintf("ssd: an object of class %d with the box %v, and the model has %d classes of boxes with an area", o.Class, o.Box, m.config.Classes))
			}
			around, classes = append(around, o.Box), append(classes, o.Class)
		}
		t.empty[i] = len(around) == 0
		for k, o := range matcher.Match(around, m.priors) {
			if o >= 0 {
				t.labels[i*p+k] = int32(classes[o] + 1)
				t.matched = append(t.matched, int32(i*p+k))
				t.priors, t.truth = append(t.priors, m.priors[k]), append(t.truth, around[o])
				t.counts[i]++
			}
		}
	}
	return t
}

// Losses returns the parts of the loss for what [Model.Forward] returns. See [Model.Loss].
func (m *Model) Losses(logits, codes *tensor.Tensor, objects [][]boxes.Object) Parts {
	if logits.Dim(0) != len(objects) {
		panic(fmt.Sprintf("ssd: objects of %d pictures for a batch of %d", len(objects), logits.Dim(0)))
	}
	d, t := m.device, m.match(objects)
	n, p := logits.Dim(0), logits.Dim(1)
	each := logits.Reshape(n*p, logits.Dim(2)).CrossEntropy(d.Ints(t.labels, n*p)) // [N·P]
	chosen := m.choose(each.Values(), t)
	total := float64(max(ranks.Total(d, len(t.matched)), 1)) / float64(ranks.Size(d)) // of the whole batch, for the mean over the ranks
	parts := Parts{Matched: len(t.matched)}
	parts.Classification = each.Mul(d.From(chosen, n*p)).Sum().Scale(1 / total)
	parts.Regression = d.Zeros(parts.Classification.Shape()...)
	if len(t.matched) > 0 {
		of := codes.Reshape(n*p, 4).Gather(0, d.Ints(t.matched, len(t.matched))) // [M, 4]
		parts.Regression = m.regression(of, t).Reshape(parts.Classification.Shape()...).Scale(float64(len(t.matched)) / total)
	}
	return parts
}

// choose returns 1 for matched priors and hard negatives, 0 for others, by the cross-entropy of each prior [N·P].
func (m *Model) choose(loss []float32, t targets) []float32 {
	chosen := make([]float32, len(loss))
	p := len(m.priors)
	background := make([]int, 0, p)
	for i, count := range t.counts {
		negatives := int(m.config.Negatives * float64(count))
		if t.empty[i] {
			negatives = m.config.EmptyNegatives
		}
		background = background[:0]
		for k := i * p; k < (i+1)*p; k++ {
			if t.labels[k] > 0 {
				chosen[k] = 1
			} else {
				background = append(background, k)
			}
		}
		if negatives < len(background) {
			slices.SortStableFunc(background, func(a, b int) int { return cmp.Compare(loss[b], loss[a]) })
			background = background[:negatives]
		}
		for _, k := range background {
			chosen[k] = 1
		}
	}
	return chosen
}

// regression returns the loss of the codes [M, 4] of matched priors, divided by M.
func (m *Model) regression(codes *tensor.Tensor, t targets) *tensor.Tensor {
	d, n := m.device, len(t.matched)
	if m.config.Regression == SmoothL1 {
		var want []float32
		for i := range t.truth {
			code := coder.Encode(t.truth[i], t.priors[i])
			want = append(want, code[:]...)
		}
		return codes.SmoothL1Loss(d.From(want, n, 4), 1).Scale(4) // the sum over the four numbers, the mean over M
	}
	predicted := coder.DecodeTensor(codes, d.From(detect.Values(t.priors), n, 4)) // [M, 4] in pixels
	truth := d.From(detect.Values(t.truth), n, 4)
	switch m.config.Regression {
	case GIoU:
		return detect.GIoULoss(predicted, truth).Mean()
	case DIoU:
		return detect.DIoULoss(predicted, truth).Mean()
	}
	return detect.CIoULoss(predicted, truth).Mean()
}
