package ssd

import (
	"math"
	"strconv"
	"strings"

	"github.com/bestiary-ml/bestiary/backbone"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// netStages is the number of stages of networks of package backbone, for Config.Frozen.
const netStages = 4

// net is a network of package backbone, whose feature maps at strides 8, 16 and 32 are used. The maps differ in size by an order of
// magnitude among networks and strides, so each is normalized and scaled as SSD's conv4_3 is.
type net struct {
	backbone *backbone.Backbone
	norms    []*tensor.Tensor // [C] scale of each normalized map
	frozen   map[*tensor.Tensor]bool
}

func newNet(d *tensor.Device, c Config, g *tensor.Generator) (n *net, err error) {
	n = &net{frozen: map[*tensor.Tensor]bool{}}
	if c.Pretrained {
		n.backbone, err = backbone.New(d, c.Backbone)
	} else {
		n.backbone, err = backbone.NewRandom(d, c.Backbone, g)
	}
	if err != nil {
		return nil, err
	}
	for _, width := range n.widths() {
		n.norms = append(n.norms, nn.Constant(d, mapScale(width), width))
	}
	// Without a gradient, batch normalization of these stages uses its running statistics. Backbone.FreezeStages is not for weights
	// that are loaded later.
	n.backbone.VisitFirstStages("", c.Frozen, func(p nn.Param) {
		p.Tensor.SetRequiresGrad(false)
		n.frozen[p.Tensor] = true
	})
	return n, nil
}

// mapScale returns the initial scale of a normalized map of that many channels: the root mean square is that of conv4_3 in the paper.
func mapScale(width int) float64 { return l2Scale * math.Sqrt(float64(width)/float64(vggBlocks[3][0])) }

func (n *net) features(x *tensor.Tensor) (maps []*tensor.Tensor) {
	for i, m := range n.backbone.Features(x)[1:] {
		maps = append(maps, normalize(m).Mul(n.norms[i]))
	}
	return maps
}

func (n *net) widths() []int { return n.backbone.Widths()[1:] }

func (n *net) visit(path string, f func(nn.Param)) {
	for i, norm := range n.norms {
		f(nn.Param{Path: nn.Join(path, "scale_weight."+strconv.Itoa(i)), Tensor: norm, Trainable: true})
	}
	n.backbone.VisitStages(nn.Join(path, "body"), func(p nn.Param) {
		p.Trainable = p.Trainable && !n.frozen[p.Tensor]
		f(p)
	})
}

func (n *net) setTraining(on bool) { n.backbone.SetTraining(on) }

// SetBackbone copies the weights of b, which must be the network of Config.Backbone. The error is a [*fault.FieldError].
func (m *Model) SetBackbone(b *backbone.Backbone) error {
	if b == nil || b.Name() != backbone.Canonical(m.config.Backbone) {
		return fault.Field("Backbone", m.config.Backbone, "must be the network whose weights are given; give others, or change it")
	}
	to := map[string]*tensor.Tensor{}
	m.trunk.visit("", func(p nn.Param) { to[p.Path] = p.Tensor })
	b.VisitStages("", func(p nn.Param) {
		if t := to[nameOf(m.config.Backbone, p.Path)]; t != nil && !p.Tensor.IsInts() { // counts of batches have no use
			t.Set(p.Tensor.Values())
		}
	})
	if v, ok := m.trunk.(*vgg); ok {
		v.adapt()
	}
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
