package ssd

import (
	"fmt"
	"strconv"

	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Model is a detector.
type Model struct {
	config         Config
	device         *tensor.Device
	trunk          trunk
	extras         []*extra
	firstExtra     int   // the name of the first of extras
	classes, codes *head // logits of background and classes, and codes of boxes

	priors []detect.Box // in pixels, for feature maps of these sizes
	grids  []detect.Grid
}

// New builds a detector on a device; g initialises the weights. With Config.Pretrained the backbone's weights remain to be set: see
// [Model.SetBackbone]. The error is a [*fault.FieldError], or a [*fault.OutOfMemory] of the device.
func New(d *tensor.Device, c Config, g *tensor.Generator) (m *Model, err error) {
	defer fault.Catch(&err)
	if err := require.Builder(d, g); err != nil {
		return nil, err
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	m = &Model{config: c, device: d}
	switch c.Backbone {
	case VGG16:
		m.trunk, m.firstExtra = newVGG(d, c.Frozen, g), 1
	case Small:
		m.trunk = newSmall(d, c.Frozen, g)
	default:
		if m.trunk, err = newNet(d, c, g); err != nil {
			return nil, err
		}
	}
	widths := m.trunk.widths()
	for i := range c.Maps() - len(widths) {
		middle, out := extraWidths(i, c.Backbone)
		m.extras = append(m.extras, newExtra(d, widths[len(widths)-1], middle, out, g))
		widths = append(widths[:len(widths):len(widths)], out)
	}
	m.classes = newHead(d, widths, c.Priors.PerPlace(), c.Classes+1, g)
	m.codes = newHead(d, widths, c.Priors.PerPlace(), 4, g)
	return m, nil
}

// Config returns the configuration that m was built with.
func (m *Model) Config() Config { return m.config }

// Forward returns for pictures x [N, S, S, 3] with values in [−1, 1] the logits [N, P, classes+1] of the background, which is first, and of
// the classes, and the codes [N, P, 4] of the boxes, for each of the P priors. It panics on another shape.
func (m *Model) Forward(x *tensor.Tensor) (logits, codes *tensor.Tensor) {
	if s := m.config.ImageSize; x.Rank() != 4 || x.Dim(1) != s || x.Dim(2) != s || x.Dim(3) != 3 {
		panic(fmt.Sprintf("ssd: pictures of shape %v, and the model takes [N, %d, %d, 3]", x.Shape(), s, s))
	}
	maps := m.trunk.features(x)
	for _, e := range m.extras {
		maps = append(maps, e.Forward(maps[len(maps)-1]))
	}
	m.place(maps)
	return m.classes.forward(maps), m.codes.forward(maps)
}

// Boxes returns the boxes [N, P, 4] of the codes that [Model.Forward] returns: x0, y0, x1, y1 as shares of the sides, clipped to the
// picture. Forward must have been called.
func (m *Model) Boxes(codes *tensor.Tensor) *tensor.Tensor {
	n, p, side := codes.Dim(0), len(m.priors), float64(m.config.ImageSize)
	priors := m.device.From(detect.Values(m.priors), 1, p, 4).Expand(n, p, 4)
	boxes := coder.DecodeTensor(codes.Reshape(n*p, 4), priors.Reshape(n*p, 4))
	return boxes.Clamp(0, side).Scale(1/side).Reshape(n, p, 4)
}

// place computes the priors of feature maps.
func (m *Model) place(maps []*tensor.Tensor) {
	if m.priors != nil {
		return
	}
	for _, x := range maps {
		m.grids = append(m.grids, detect.Grid{Height: x.Dim(1), Width: x.Dim(2)})
	}
	var err error
	if m.priors, err = m.config.priors(m.grids); err != nil {
		panic(err) // Validate has checked as many
	}
}

// Visit implements nn.Module, with the names of torchvision.
func (m *Model) Visit(path string, f func(nn.Param)) {
	path, heads := nn.Join(path, "backbone"), nn.Join(path, "head")
	m.trunk.visit(path, f)
	for i, e := range m.extras {
		e.Visit(nn.Join(path, "extra."+strconv.Itoa(m.firstExtra+i)), f)
	}
	m.classes.visit(nn.Join(heads, "classification_head"), f)
	m.codes.visit(nn.Join(heads, "regression_head"), f)
}

// SetTraining implements nn.Module.
func (m *Model) SetTraining(on bool) { m.trunk.setTraining(on) }

// String implements fmt.Stringer: the sizes of m and the table of [nn.Summary].
func (m *Model) String() string {
	c := m.config
	return fmt.Sprintf("SSD: pictures [N, %d, %d, 3] → boxes of %d classes, backbone %s\n", c.ImageSize, c.ImageSize, c.Classes, c.Backbone) + nn.Summary(m)
}
