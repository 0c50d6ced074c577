package classifier

import (
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/backbone"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// pretrained computes the features of a network whose weights are constant.
type pretrained struct {
	config          Config
	backbone        *backbone.Backbone
	mean, deviation *tensor.Tensor // [F] of the features of the training pictures
}

func newPretrained(d *tensor.Device, c Config) (*pretrained, error) {
	b, err := backbone.New(d, c.Backbone)
	if err != nil {
		return nil, err
	}
	p := &pretrained{config: c, backbone: b, mean: d.Zeros(c.Features()).Keep(), deviation: d.Full(1, c.Features()).Keep()}
	for _, param := range nn.Params(b) {
		param.Tensor.SetRequiresGrad(false)
	}
	return p, nil
}

// resize returns pictures in the size that the network reads, [N, S, S, 3] → [N, BackboneSize, BackboneSize, 3].
func (p *pretrained) resize(x *tensor.Tensor) *tensor.Tensor {
	side := p.config.BackboneSize
	if x.Dim(1) == side {
		return x
	}
	return x.ResizeBilinear(side, side)
}

// features returns the pooled features [N, F] of pictures [N, S, S, 3].
func (p *pretrained) features(x *tensor.Tensor) *tensor.Tensor { return p.backbone.Pooled(p.resize(x)) }

// standardize gives features [N, F] of the training pictures mean 0 and variance 1.
func (p *pretrained) standardize(features *tensor.Tensor) *tensor.Tensor {
	return features.Sub(p.mean).Div(p.deviation)
}

func (p *pretrained) visit(path string, f func(nn.Param)) {
	p.backbone.VisitFeatures(nn.Join(path, "backbone"), func(param nn.Param) {
		param.Trainable = false
		f(param)
	})
	f(nn.Param{Path: nn.Join(path, "mean"), Tensor: p.mean})
	f(nn.Param{Path: nn.Join(path, "deviation"), Tensor: p.deviation})
}

// SetBackbone copies the weights of b, which must be the network of Config.Backbone on the same device. The error is a
// [*fault.FieldError].
func (m *Classifier) SetBackbone(b *backbone.Backbone) error {
	if m.pre == nil || b == nil || b.Name() != backbone.Canonical(m.config.Backbone) {
		return fault.Field("Backbone", m.config.Backbone, "must be the network whose weights are given; give others, or change it")
	}
	var to []*tensor.Tensor
	m.pre.backbone.VisitFeatures("", func(p nn.Param) { to = append(to, p.Tensor) })
	i := 0
	b.VisitFeatures("", func(p nn.Param) {
		if !p.Tensor.IsInts() { // counts of batches have no use
			to[i].Set(p.Tensor.Values())
		}
		i++
	})
	return nil
}

// Backbone returns the network of Config.Backbone, nil without one.
func (m *Classifier) Backbone() *backbone.Backbone {
	if m.pre == nil {
		return nil
	}
	return m.pre.backbone
}

// Standardize sets the mean and the deviation of the features from those of the training pictures, rows [N, F]. It is an error
// without Config.Backbone, whose features nothing else standardizes.
func (m *Classifier) Standardize(rows []float32) error {
	f := m.config.Features()
	if m.pre == nil || len(rows) == 0 || len(rows)%f != 0 {
		return fault.Field("Rows", len(rows), "must be the values of one or more rows of %d features of a Backbone", f)
	}
	mean, deviation := make([]float32, f), make([]float32, f)
	n := float64(len(rows) / f)
	for c := range f {
		sum, squares := 0.0, 0.0
		for at := c; at < len(rows); at += f {
			sum += float64(rows[at])
		}
		for at := c; at < len(rows); at += f {
			squares += (float64(rows[at]) - sum/n) * (float64(rows[at]) - sum/n)
		}
		mean[c], deviation[c] = float32(sum/n), float32(math.Sqrt(squares/n))+1e-3 // a channel may always be 0
	}
	m.pre.mean.Set(mean)
	m.pre.deviation.Set(deviation)
	return nil
}

// FeatureName says whose features the classifier has: "own features", or "features of EfficientNet-Lite0 (ImageNet)".
func (c Config) FeatureName() string {
	if c.Backbone == "" {
		return "own features"
	}
	return fmt.Sprintf("features of %s (ImageNet)", backbone.TitleOf(c.Backbone))
}

// PicturesAtOnce is a number of pictures whose activations fit into half a gigabyte, 1 or more.
func (c Config) PicturesAtOnce() int {
	if c.Backbone != "" {
		return max(1, 8*224*224/(c.BackboneSize*c.BackboneSize))
	}
	return max(1, 64*64*64/(c.ImageSize*c.ImageSize))
}
