package vqgan

import (
	"iter"
	"math"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// linear is a linear autoencoder beside the network: blocks of Factor×Factor pixels to latents, and latents to blocks. It
// begins as the principal component analysis of the training pictures, and the network learns what is missing. A training
// of some thousand steps then starts where it would otherwise end. The idea is that of residual autoencoding (Chen et al.,
// 2025, DC-AE), whose shortcuts have no parameters.
type linear struct {
	factor  int
	in, out *nn.Conv2d // 1×1: [N, G, G, Factor²·C] → [N, G, G, features], and [N, G, G, Embed] → [N, G, G, Factor²·C]
}

func newLinear(d *tensor.Device, c Config, g *tensor.Generator) *linear {
	if !c.Linear {
		return nil
	}
	pixels := c.Factor() * c.Factor() * c.Channels
	return &linear{c.Factor(), conv1(d, pixels, c.features(), g), conv1(d, c.Embed, pixels, g)}
}

// features adds the linear part of the features to those of the network, [N, G, G, features].
func (l *linear) features(images, network *tensor.Tensor) *tensor.Tensor {
	if l == nil {
		return network
	}
	return network.Add(l.in.Forward(patches(images, l.factor)))
}

// pictures adds the linear part of the pictures [N, S, S, C] of latents z [N, G, G, Embed] to that of the network.
func (l *linear) pictures(z, network *tensor.Tensor) *tensor.Tensor {
	if l == nil {
		return network
	}
	return network.Add(unpatched(l.out.Forward(z), l.factor))
}

// initialNoise is the standard deviation of the posterior after FitLinear, for latents of mean square 1.
const initialNoise = 0.1

// FitLinear initialises the linear path as the principal component analysis of pictures, batches [N, S, S, C], and makes
// the network contribute nothing: its last layers become zero. Latents have mean 0 and mean square 1 then. Each batch is used
// before the next one is taken. Without a linear path nothing happens. The error is a [*fault.FieldError] if the pictures
// have fewer independent directions than a latent has numbers.
func (m *Model) FitLinear(batches iter.Seq[*tensor.Tensor]) error {
	l, c := m.linear, m.config
	if l == nil {
		return nil
	}
	pixels := l.in.Weight.Dim(2)
	mean, squares, n := make([]float64, pixels), mat.NewSymDense(pixels, nil), 0
	for x := range batches {
		blocks := patches(x, l.factor).Values()
		rows := make([]float64, len(blocks))
		for i, v := range blocks {
			rows[i] = float64(v)
			mean[i%pixels] += float64(v)
		}
		b := mat.NewDense(len(rows)/pixels, pixels, rows)
		squares.SymRankK(squares, 1, b.T())
		n += len(rows) / pixels
	}
	if n == 0 {
		return fault.Field("Batches", nil, "there are no pictures to fit the linear path to; give some")
	}
	for i := range mean {
		mean[i] /= float64(n)
	}
	squares.ScaleSym(1/float64(n), squares)
	squares.SymRankOne(squares, -1, mat.NewVecDense(pixels, mean)) // the covariance
	var eigen mat.EigenSym
	var directions mat.Dense
	if !eigen.Factorize(squares, true) {
		return fault.Field("Batches", nil, "their covariance has no eigenvalues; use pictures with finite values")
	}
	eigen.VectorsTo(&directions)
	l.set(c, mean, eigen.Values(nil), &directions)
	return m.silence()
}

// set makes the linear path the projection on the Embed directions of the largest variances, and its inverse. One factor
// scales all latents to mean square 1: a channel keeps its share of the variance of the pictures, so that a squared error of
// latents is one of pictures, and noise of one strength hides details before shapes. Variances rise, and directions are
// columns.
func (l *linear) set(c Config, mean, variances []float64, directions *mat.Dense) {
	pixels, features := len(mean), c.features()
	in, inBias := make([]float32, pixels*features), make([]float32, features)
	out, outBias := make([]float32, c.Embed*pixels), make([]float32, pixels)
	std := math.Sqrt(max(floats.Sum(variances[pixels-c.Embed:])/float64(c.Embed), 1e-8)) // pictures of a single colour vary by rounding
	for k := range c.Embed {
		column := pixels - 1 - k
		center := 0.0
		for i := range pixels {
			v := directions.At(i, column)
			in[i*features+k] = float32(v / std)
			out[k*pixels+i] = float32(v * std)
			center += v / std * mean[i]
		}
		inBias[k] = float32(-center)
	}
	for k := c.ZChannels; k < features; k++ {
		inBias[k] = float32(2 * math.Log(initialNoise)) // the logarithm of the posterior's variance
	}
	for i, v := range mean {
		outBias[i] = float32(v)
	}
	l.in.Weight.Set(in)
	l.in.Bias.Set(inBias)
	l.out.Weight.Set(out)
	l.out.Bias.Set(outBias)
}

// silence makes the networks return 0 and quant_conv the identity.
func (m *Model) silence() error {
	b, err := m.gaussian()
	if err != nil {
		return err
	}
	encoder := m.encoder.Layers()
	for _, last := range []*nn.Conv2d{encoder[len(encoder)-1].(*nn.Conv2d), m.lastConv()} {
		last.Weight.Set(make([]float32, last.Weight.Len()))
		last.Bias.Set(make([]float32, last.Bias.Len()))
	}
	features, moments := b.quantConv.Weight.Dim(2), b.quantConv.Weight.Dim(3)
	identity := make([]float32, features*moments)
	for k := range m.config.Embed {
		identity[k*moments+k] = 1
		if moments > m.config.Embed { // the logarithm of the variance
			identity[(m.config.ZChannels+k)*moments+m.config.Embed+k] = 1
		}
	}
	b.quantConv.Weight.Set(identity)
	b.quantConv.Bias.Set(make([]float32, moments))
	return nil
}

// Visit implements nn.Module.
func (l *linear) Visit(path string, f func(nn.Param)) {
	if l != nil {
		l.in.Visit(nn.Join(path, "linear_in"), f)
		l.out.Visit(nn.Join(path, "linear_out"), f)
	}
}
