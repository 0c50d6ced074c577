package ssd

import (
	"strconv"
	"strings"

	"github.com/bestiary-ml/bestiary/backbone"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// net is a network of package backbone, whose feature maps at strides 8, 16 and 32 are used.
type net struct {
	backbone *backbone.Backbone
	frozen   bool
}

func newNet(d *tensor.Device, c Config) (*net, error) {
	b, err := backbone.New(d, c.Backbone)
	if err != nil {
		return nil, err
	}
	n := &net{b, c.Frozen == stages}
	if n.frozen {
		for _, p := range nn.Params(b) {
			p.Tensor.SetRequiresGrad(false)
		}
	}
	return n, nil
}

func (n *net) features(x *tensor.Tensor) []*tensor.Tensor { return n.backbone.Features(x)[1:] }

func (n *net) widths() []int { return n.backbone.Widths()[1:] }

func (n *net) visit(path string, f func(nn.Param)) {
	n.backbone.VisitFeatures(nn.Join(path, "body"), func(p nn.Param) {
		p.Trainable = p.Trainable && !n.frozen
		f(p)
	})
}

func (n *net) setTraining(on bool) { n.backbone.SetTraining(on) }

// SetBackbone copies the weights of b, which must be the network of Config.Backbone. The error is a [*fault.FieldError].
func (m *Model) SetBackbone(b *backbone.Backbone) error {
	if b == nil || b.Name() != m.config.Backbone {
		return fault.Field("Backbone", m.config.Backbone, "must be the network whose weights are given; give others, or change it")
	}
	to := map[string]*tensor.Tensor{}
	m.trunk.visit("", func(p nn.Param) { to[p.Path] = p.Tensor })
	b.VisitFeatures("", func(p nn.Param) {
		if t := to[nameOf(m.config.Backbone, p.Path)]; t != nil && !p.Tensor.IsInts() { // counts of batches have no use
			t.Set(p.Tensor.Values())
		}
	})
	return nil
}

// nameOf returns the name in the detector's trunk of a parameter of the backbone.
func nameOf(backbone, path string) string {
	if backbone != VGG16 {
		return nn.Join("body", path)
	}
	parts := strings.Split(path, ".") // features.24.weight
	if len(parts) == 3 && parts[0] == "features" {
		if index, err := strconv.Atoi(parts[1]); err == nil {
			return vggName(index) + "." + parts[2]
		}
	}
	return path
}
