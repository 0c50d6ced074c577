package ssd

import (
	"github.com/bestiary-ml/bestiary/backbone"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// net is a network of package backbone.
type net struct{ backbone *backbone.Backbone }

func newNet(d *tensor.Device, c Config, _ *tensor.Generator) (*net, error) {
	b, err := backbone.New(d, c.Backbone)
	if err != nil {
		return nil, err
	}
	return &net{b}, nil
}

func (n *net) features(x *tensor.Tensor) []*tensor.Tensor { return n.backbone.Features(x)[1:] }

func (n *net) widths() []int { return n.backbone.Widths()[1:] }

func (n *net) visit(path string, f func(nn.Param)) {
	n.backbone.VisitFeatures(nn.Join(path, "body"), f)
}

func (n *net) setTraining(on bool) { n.backbone.SetTraining(on) }
