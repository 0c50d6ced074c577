package vqgan

import "github.com/bestiary-ml/bestiary/tensor"

// FeatureNet is a trained network with features of pictures at several depths. Its parameters require no gradients.
type FeatureNet interface {
	// Activations returns features [N, H, W, F] of pictures [N, S, S, C] with values in [−1, 1], from shallow to deep.
	Activations(images *tensor.Tensor) []*tensor.Tensor
}

// Perceptual is the distance of LPIPS (Zhang et al., 2018): that of features normalised at each position, averaged over
// positions and summed over depths,
//
//	Σ_l mean_{n,h,w} Σ_c w_lc (f_lc/‖f_l‖ − g_lc/‖g_l‖)²
type Perceptual struct {
	Net     FeatureNet
	Weights []*tensor.Tensor // w_l [F] of each depth; nil: all 1/L, for L depths
}

// featureEps is added to ‖f‖².
const featureEps = 1e-10

// Distance returns the distance between pictures x and y [N, S, S, C], averaged over them, as [1].
func (p *Perceptual) Distance(x, y *tensor.Tensor) *tensor.Tensor {
	f, g := p.Net.Activations(x), p.Net.Activations(y)
	var sum *tensor.Tensor
	for i := range f {
		d := p.at(i, f[i], g[i])
		if sum != nil {
			d = sum.Add(d)
		}
		sum = d
	}
	if p.Weights == nil {
		return sum.Scale(1 / float64(len(f)))
	}
	return sum
}

// at returns the distance at one depth, [1].
func (p *Perceptual) at(i int, f, g *tensor.Tensor) *tensor.Tensor {
	positions := 1 / float64(f.Len()/f.Dim(3))
	if p.Weights == nil { // ‖f̂‖² + ‖ĝ‖² − 2·f·g/(‖f‖·‖g‖) reads the features less often
		ff, gg, fg := f.Square().Sum(3), g.Square().Sum(3), f.Mul(g).Sum(3) // [N, H, W]
		nf, ng := ff.AddScalar(featureEps), gg.AddScalar(featureEps)
		d := ff.Div(nf).Add(gg.Div(ng)).Sub(fg.Div(nf.Mul(ng).Sqrt()).Scale(2))
		return d.Sum().Scale(positions).Reshape(1)
	}
	n, h, w := f.Dim(0), f.Dim(1), f.Dim(2)
	unit := func(f *tensor.Tensor) *tensor.Tensor {
		return f.Div(f.Square().Sum(3).AddScalar(featureEps).Sqrt().Reshape(n, h, w, 1))
	}
	return unit(f).Sub(unit(g)).Square().Mul(p.Weights[i]).Sum().Scale(positions).Reshape(1)
}
