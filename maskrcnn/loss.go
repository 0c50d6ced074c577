package maskrcnn

import (
	"fmt"
	"math/rand/v2"

	"github.com/bestiary-ml/bestiary/data/mask"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Target is an object in a picture.
type Target struct {
	Class int
	Box   detect.Box // in pixels of the picture
	Mask  mask.RLE   // of the whole picture
}

// Losses are the five parts of the loss, single numbers.
type Losses struct {
	Objectness, Proposals, Classification, Boxes, Masks *tensor.Tensor
	Objects                                             int // proposals with an object in the loss
}

// Parts returns the five in the order of the fields.
func (l Losses) Parts() []*tensor.Tensor {
	return []*tensor.Tensor{l.Objectness, l.Proposals, l.Classification, l.Boxes, l.Masks}
}

// Sum is the loss.
func (l Losses) Sum() *tensor.Tensor {
	return l.Objectness.Add(l.Proposals).Add(l.Classification).Add(l.Boxes).Add(l.Masks)
}

// smoothness is the difference up to which the loss of a box is quadratic.
const smoothness = 1. / 9

// Loss returns the losses of pictures x [N, H, W, 3] with values in [−1, 1], padded to multiples of 32 as [Config.Corner] says; sizes
// are those without padding, targets the objects of each. random chooses the anchors and proposals that are trained. It panics if an
// object has a class that the model doesn't have, an empty box, or a mask of another size than its picture.
func (m *Model) Loss(x *tensor.Tensor, sizes []Size, targets [][]Target, random *tensor.Generator) Losses {
	m.check(sizes, targets)
	v := m.view(x, sizes)
	return m.losses(v, m.propose(v), targets, random)
}

// Evaluate is [Model.Loss] and [Model.Detect] of the same pictures, for which features and proposals are computed once. The model must
// be in evaluation mode, so the losses are those of the proposals of that mode.
func (m *Model) Evaluate(x *tensor.Tensor, sizes []Size, targets [][]Target, random *tensor.Generator) (Losses, [][]Found) {
	m.check(sizes, targets)
	v := m.view(x, sizes)
	proposals := m.propose(v)
	return m.losses(v, proposals, targets, random), m.found(v, proposals)
}

func (m *Model) losses(v *view, proposals [][]detect.Box, targets [][]Target, random *tensor.Generator) Losses {
	sources := shuffles(random, len(targets))
	objectness, boxes := m.proposalLoss(v, targets, sources)
	l := m.headLoss(v, proposals, targets, sources)
	l.Objectness, l.Proposals = objectness, boxes
	return l
}

func (m *Model) check(sizes []Size, targets [][]Target) {
	if len(targets) != len(sizes) {
		panic(fmt.Sprintf("maskrcnn: objects of %d pictures for a batch of %d", len(targets), len(sizes)))
	}
	for i, own := range targets {
		for _, t := range own {
			if t.Class < 0 || t.Class >= m.config.Classes || t.Box.Empty() || !t.Box.Finite() {
				panic(fmt.Sprintf("maskrcnn: an object of class %d with the box %v, and the model has %d classes of boxes with an area", t.Class, t.Box, m.config.Classes))
			}
			if width, height := t.Mask.Size(); width != sizes[i].Width || height != sizes[i].Height {
				panic(fmt.Sprintf("maskrcnn: an object of a picture of %d×%d pixels has no mask of as many", sizes[i].Width, sizes[i].Height))
			}
		}
	}
}

// around returns the boxes of objects in coordinates of the batch.
func (p place) around(objects []Target) []detect.Box {
	all := make([]detect.Box, len(objects))
	for i, o := range objects {
		all[i] = p.into(o.Box)
	}
	return all
}

// chosen are anchors or proposals of a batch in a loss.
type chosen struct {
	index   []int32   // of all that are sampled
	labels  []float32 // of each 1 for an object, 0 for background
	objects []int32   // index of those with an object
	codes   []float32 // what these are to predict, four numbers each
}

// proposalLoss returns the losses of sampled anchors.
func (m *Model) proposalLoss(v *view, targets [][]Target, sources []*rand.Rand) (objectness, boxes *tensor.Tensor) {
	p := m.config.Proposals
	matcher := detect.Matcher{High: p.High, Low: p.Low, LowQuality: true}
	var c chosen
	n := len(v.anchors)
	for i, own := range targets {
		truth := v.places[i].around(own)
		matches := matcher.Match(truth, v.anchors)
		for _, a := range (sampler{p.Sampled, p.Positive}).choose(matches, sources[i]) {
			c.index = append(c.index, int32(i*n+a))
			if o := matches[a]; o >= 0 {
				code := anchorCoder.Encode(truth[o], v.anchors[a])
				c.labels, c.objects, c.codes = append(c.labels, 1), append(c.objects, int32(i*n+a)), append(c.codes, code[:]...)
			} else {
				c.labels = append(c.labels, 0)
			}
		}
	}
	d := m.device
	share := 1 / m.perRank(len(c.index))
	objectness = logistic(v.scores.Reshape(-1, 1).Gather(0, d.Ints(c.index)), d.From(c.labels, len(c.labels), 1)).Scale(share)
	return objectness, regression(v.codes.Reshape(-1, 4), c.objects, c.codes, share)
}

// perRank returns the number by which a sum over this rank's part of n items is divided, so that the mean over the ranks is the sum
// over the items of all of them divided by their number.
func (m *Model) perRank(n int) float64 {
	return float64(max(ranks.Total(m.device, n), 1)) / float64(ranks.Size(m.device))
}

// logistic returns the sum [1] of −log of the probabilities of labels 0 or 1, given as logits of 1.
func logistic(logits, labels *tensor.Tensor) *tensor.Tensor {
	if logits.Len() == 0 {
		return logits.Device().Zeros(1)
	}
	return logits.Softplus().Sub(logits.Mul(labels)).Sum().Reshape(1)
}

// regression returns the smooth L1 loss [1] of rows of codes [R, 4], summed and multiplied by share.
func regression(codes *tensor.Tensor, rows []int32, want []float32, share float64) *tensor.Tensor {
	d := codes.Device()
	if len(rows) == 0 {
		return d.Zeros(1)
	}
	return codes.Gather(0, d.Ints(rows)).SmoothL1Loss(d.From(want, len(rows), 4), smoothness).Scale(float64(len(want)) * share)
}

// boxCoder is that of the box head.
var boxCoder = detect.NewCoder(10, 10, 5, 5)

// headLoss returns the losses of both heads for sampled proposals. The objects themselves are proposals too.
func (m *Model) headLoss(v *view, proposals [][]detect.Box, targets [][]Target, sources []*rand.Rand) (l Losses) {
	c, d := m.config, m.device
	matcher := detect.Matcher{High: c.Boxes.IoU, Low: c.Boxes.IoU}
	var (
		labels  []int32
		rows    []int32 // of the codes [R·(classes+1), 4] of those with an object
		codes   []float32
		drawn   masked
		sampled = make([][]detect.Box, len(targets))
	)
	drawn.boxes = make([][]detect.Box, len(targets))
	for i, own := range targets {
		truth := v.places[i].around(own)
		all := append(append([]detect.Box(nil), proposals[i]...), truth...)
		matches, pixels := matcher.Match(truth, all), maskPixels(own)
		for _, k := range (sampler{c.Boxes.Sampled, c.Boxes.Positive}).choose(matches, sources[i]) {
			sampled[i] = append(sampled[i], all[k])
			o := matches[k]
			if o < 0 {
				labels = append(labels, 0)
				continue
			}
			label, code := int32(own[o].Class+1), boxCoder.Encode(truth[o], all[k])
			rows, codes = append(rows, int32(len(labels)*(c.Classes+1))+label), append(codes, code[:]...)
			labels = append(labels, label)
			drawn.boxes[i], drawn.labels, drawn.pixels = append(drawn.boxes[i], all[k]), append(drawn.labels, label), append(drawn.pixels, pixels(o))
		}
	}
	l.Objects = len(rows)
	share := 1 / m.perRank(len(labels))
	if len(labels) == 0 {
		l.Classification, l.Boxes = d.Zeros(1), d.Zeros(1)
	} else {
		logits, deltas := m.boxes.forward(m.read(v, sampled, c.Boxes.Size))
		l.Classification = logits.CrossEntropy(d.Ints(labels)).Sum().Reshape(1).Scale(share)
		l.Boxes = regression(deltas.Reshape(-1, 4), rows, codes, share)
	}
	l.Masks = m.maskLoss(v, drawn)
	return l
}
