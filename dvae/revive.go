package dvae

import (
	"slices"

	"github.com/bestiary-ml/bestiary/tensor"
)

// Revive brings dead codes back into use and returns how many. It is deterministic given g. images [N, S, S, C] are a
// batch of training pictures. Codes of dead that occur in it stay as they are, and so do those for which no donor is
// found: a code with two positions that have different features.
//
// A code is dead because its logit is the largest nowhere: then it is never chosen and hardly learns. Each dead code is
// therefore replaced by splitting a code in use, as in the design of vector quantizers (Linde, Buzo & Gray, 1980). The
// donor is the code of a random position i of the batch, so that frequent codes are split most; j is the donor's position
// whose features h are farthest from those of i. The dead code gets the donor's codebook entry, which hardly changes
// pictures, and the donor's logit plus gap·(h − (hᵢ+hⱼ)/2)·(hᵢ−hⱼ)/|hᵢ−hⱼ|²: half a gap more at i and half a gap less at
// j. So it takes over the positions around i, and both entries then get gradients from different positions. The gap is 4,
// which is visible through the noise of the Gumbel-softmax, or smaller if another code would lose its last position.
func (v *VAE) Revive(images *tensor.Tensor, dead []int, g *tensor.Generator) int {
	s := images.Device().Scratch()
	defer s.End()
	split := v.newSplit(images)
	revived := 0
	for _, c := range dead {
		if split.count[c] == 0 && split.into(c, g) {
			revived++
		}
	}
	if revived > 0 {
		v.head.Weight.Set(split.weight)
		v.head.Bias.Set(split.bias)
		v.code.Weight.Set(split.entries)
	}
	return revived
}

// split is the state of splitting codes over the positions of a batch.
type split struct {
	codes, hidden, dim int
	features           []float32 // [positions, hidden]
	weight, bias       []float32 // of the logits, [hidden, codes] and [codes]
	entries            []float32 // of the codebook, [codes, dim]

	chosen []int32   // the code of each position
	best   []float32 // its logit
	count  []int     // positions of each code
}

func (v *VAE) newSplit(images *tensor.Tensor) *split {
	features := v.features(images)
	logits := v.head.Forward(features)
	s := &split{
		codes: v.config.Codes, hidden: v.config.Hidden, dim: v.config.CodebookDim,
		features: features.Values(),
		weight:   v.head.Weight.Values(), bias: v.head.Bias.Values(), entries: v.code.Weight.Values(),
		chosen: logits.ArgMax().IntValues(), best: logits.MaxOver(-1).Values(),
		count: make([]int, v.config.Codes),
	}
	for _, c := range s.chosen {
		s.count[c]++
	}
	return s
}

// into revives code c. It reports whether a donor was found.
func (s *split) into(c int, g *tensor.Generator) bool {
	const attempts = 16
	for range attempts {
		i := g.Intn(len(s.chosen))
		j, distance := s.farthest(i)
		if distance > 0 && s.divide(c, i, j, distance) {
			return true
		}
	}
	return false
}

// at returns the features of a position.
func (s *split) at(position int) []float32 {
	return s.features[position*s.hidden : (position+1)*s.hidden]
}

// farthest returns the position of the same code whose features are farthest from those of i, and the squared distance.
func (s *split) farthest(i int) (j int, distance float64) {
	for p, c := range s.chosen {
		if c != s.chosen[i] {
			continue
		}
		d := 0.0
		for k, x := range s.at(p) {
			step := float64(x - s.at(i)[k])
			d += step * step
		}
		if d > distance {
			j, distance = p, d
		}
	}
	return j, distance
}

// divide gives code c the donor's positions around i; those around j stay. It fails if another code would lose its last
// position.
func (s *split) divide(c, i, j int, distance float64) bool {
	donor := int(s.chosen[i])
	for gap := 4.0; gap > 1e-4; gap /= 2 {
		bias := float64(s.bias[donor])
		column := make([]float64, s.hidden)
		for k := range column {
			a, b := float64(s.at(i)[k]), float64(s.at(j)[k])
			slope := gap * (a - b) / distance
			column[k] = float64(s.weight[k*s.codes+donor]) + slope
			bias -= slope * (a + b) / 2
		}
		if !s.take(c, column, bias) {
			continue
		}
		for k, w := range column {
			s.weight[k*s.codes+c] = float32(w)
		}
		s.bias[c] = float32(bias)
		copy(s.entries[c*s.dim:(c+1)*s.dim], s.entries[donor*s.dim:(donor+1)*s.dim])
		return true
	}
	return false
}

// take gives code c the positions where its logit would be the largest, unless that leaves a code without any.
func (s *split) take(c int, column []float64, bias float64) bool {
	left := slices.Clone(s.count)
	logits := make([]float32, len(s.chosen))
	for p := range logits {
		logit := bias
		for k, x := range s.at(p) {
			logit += column[k] * float64(x)
		}
		logits[p] = float32(logit)
		if was := s.chosen[p]; logits[p] > s.best[p] {
			left[c]++
			if left[was]--; left[was] == 0 {
				return false
			}
		}
	}
	if left[c] == 0 {
		return false
	}
	s.count = left
	for p, logit := range logits {
		if logit > s.best[p] {
			s.chosen[p], s.best[p] = int32(c), logit
		}
	}
	return true
}
