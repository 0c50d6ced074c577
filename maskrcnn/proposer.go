package maskrcnn

import (
	"math"

	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// proposer predicts at each place of each map, for each anchor, whether it is an object and how its box is (Ren et al., 2015).
type proposer struct{ conv, scores, codes *nn.Conv2d }

func newProposer(d *tensor.Device, width, between, anchors int, g *tensor.Generator) *proposer {
	return &proposer{
		conv:   normal(d, width, between, 3, 0.01, rectified(tensor.StridePad(1, 1)), g),
		scores: normal(d, between, anchors, 1, 0.01, tensor.StridePad(1, 0), g),
		codes:  normal(d, between, 4*anchors, 1, 0.01, tensor.StridePad(1, 0), g),
	}
}

// forward returns the logits [N, anchors] and the codes [N, anchors, 4] of the anchors of all maps.
func (p *proposer) forward(maps []*tensor.Tensor) (scores, codes *tensor.Tensor) {
	var s, c []*tensor.Tensor
	for _, x := range maps {
		n, h := x.Dim(0), p.conv.Forward(x)
		s = append(s, p.scores.Forward(h).Reshape(n, -1))
		c = append(c, p.codes.Forward(h).Reshape(n, -1, 4))
	}
	return tensor.Concat(1, s...), tensor.Concat(1, c...)
}

func (p *proposer) visit(path string, f func(nn.Param)) {
	p.conv.Visit(nn.Join(path, "conv.0.0"), f)
	p.scores.Visit(nn.Join(path, "cls_logits"), f)
	p.codes.Visit(nn.Join(path, "bbox_pred"), f)
}

// anchorCoder is that of proposals.
var anchorCoder = detect.NewCoder(1, 1, 1, 1)

// smallestProposal is the shortest side of a proposal in pixels.
const smallestProposal = 1e-3

// propose returns the proposals of each picture by falling score: of each map the best, of which non-maximum suppression within
// the map leaves some, and of all maps the best. It is torchvision's filter_proposals. Boxes are in coordinates of the batch.
func (m *Model) propose(v *view) [][]detect.Box {
	values := tensor.Read(v.scores, v.codes)
	all := make([][]detect.Box, len(v.sizes))
	n := len(v.anchors)
	for i, at := range v.places {
		all[i] = m.proposals(v, values[0][i*n:(i+1)*n], values[1][i*n*4:(i+1)*n*4], at)
	}
	return all
}

// proposals are those of one picture, for the logits [anchors] and codes [anchors, 4].
func (m *Model) proposals(v *view, logits, codes []float32, at place) []detect.Box {
	before, after := m.config.proposals(m.training)
	var (
		found  []detect.Box
		scores []float32
		maps   []int
	)
	first := 0
	for k, count := range v.counts {
		order := detect.ByScore(logits[first : first+count])
		for _, j := range order[:min(count, before)] {
			a := first + int(j)
			b := clip(anchorCoder.Decode([4]float32(codes[4*a:]), v.anchors[a]), at.frame)
			if b.Finite() && b.Width() >= smallestProposal && b.Height() >= smallestProposal {
				found, scores, maps = append(found, b), append(scores, float32(1/(1+math.Exp(-float64(logits[a]))))), append(maps, k)
			}
		}
		first += count
	}
	kept, err := detect.NMSPerClass(found, scores, maps, m.config.Proposals.NMS)
	if err != nil {
		panic(err) // Validate has checked the threshold
	}
	kept = kept[:min(len(kept), after)]
	chosen := make([]detect.Box, len(kept))
	for i, k := range kept {
		chosen[i] = found[k]
	}
	return chosen
}
