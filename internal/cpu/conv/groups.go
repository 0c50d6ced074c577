package conv

import "github.com/bestiary-ml/bestiary/internal/kernel"

// Groups of few channels, such as those of ResNeXt, would leave the columns of the register tiles mostly empty. So neighbouring groups
// are computed as one, whose weights between channels of different groups are 0.

// merged returns the convolution that computes c with fewer groups, and the number of groups of c that each has.
func (p *Engine) merged(c kernel.Conv) (m kernel.Conv, groups int) {
	groups = max(1, p.Lanes/max(c.C/c.Groups, c.O/c.Groups))
	for c.Groups%groups != 0 {
		groups--
	}
	m = c
	m.Groups /= groups
	return m, groups
}

// eachMerged calls f for each row of weights of c, which has the outputs of a group: their place, and that in the weights of c
// with neighbouring groups as one.
func eachMerged(c kernel.Conv, groups int, f func(at, merged, n int)) {
	inputs, outputs := c.C/c.Groups, c.O/c.Groups
	for tap := range c.KH * c.KW {
		for i := range inputs {
			for g := range c.Groups {
				f((tap*inputs+i)*c.O+g*outputs, ((tap*groups+g%groups)*inputs+i)*c.O+g*outputs, outputs)
			}
		}
	}
}

// mergedWeights returns room for the weights of c with neighbouring groups as one.
func (p *Engine) mergedWeights(c kernel.Conv, groups int) []float32 {
	n := c.KH * c.KW * c.C / c.Groups * groups * c.O
	if len(p.weights) < n {
		p.weights = make([]float32, n)
	}
	return p.weights[:n]
}

// merge returns c with fewer groups, and its weights.
func (p *Engine) merge(c kernel.Conv, w []float32) (kernel.Conv, []float32) {
	m, groups := p.merged(c)
	if groups == 1 {
		return c, w
	}
	merged := p.mergedWeights(c, groups)
	clear(merged)
	eachMerged(c, groups, func(at, to, n int) { copy(merged[to:to+n], w[at:]) })
	return m, merged
}

// backwardWeightGroups is BackwardWeight: the gradients of weights between different groups are left out.
func (p *Engine) backwardWeightGroups(c kernel.Conv, x, gy, gw []float32) {
	m, groups := p.merged(c)
	merged := p.mergedWeights(c, groups)
	p.BackwardWeight(m, x, gy, merged)
	eachMerged(c, groups, func(at, from, n int) { copy(gw[at:at+n], merged[from:]) })
}
