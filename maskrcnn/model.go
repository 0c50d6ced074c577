package maskrcnn

import (
	"cmp"
	"fmt"

	"github.com/bestiary-ml/bestiary/backbone"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Model is a Mask R-CNN.
type Model struct {
	config   Config
	device   *tensor.Device
	backbone trunk
	frozen   map[*tensor.Tensor]bool
	pyramid  *pyramid
	rpn      *proposer
	boxes    *boxHead
	masks    *maskHead
	training bool
}

// New builds a model on a device; g initialises the weights. With Config.Pretrained the backbone's weights remain to be set: see
// [Model.SetBackbone]. The error is a [*fault.FieldError], or a [*fault.OutOfMemory] of the device.
func New(d *tensor.Device, c Config, g *tensor.Generator) (m *Model, err error) {
	defer fault.Catch(&err)
	if err := require.Builder(d, g); err != nil {
		return nil, err
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	m = &Model{config: c, device: d, frozen: map[*tensor.Tensor]bool{}}
	switch {
	case c.Conventions == matterport:
		m.backbone = newResNet(d, c.blocks(), g)
	case c.Pretrained:
		m.backbone, err = backbone.New(d, c.Backbone)
	default:
		m.backbone, err = backbone.NewRandom(d, c.Backbone, g)
	}
	if err != nil {
		return nil, err
	}
	freeze := func(p nn.Param) {
		p.Tensor.SetRequiresGrad(false)
		m.frozen[p.Tensor] = true
	}
	m.backbone.VisitFirstStages("", c.Frozen, freeze) // without a gradient, batch normalization uses its running statistics
	if c.Pretrained {
		m.backbone.VisitStages("", func(p nn.Param) {
			if p.Tensor.Rank() == 1 { // batch normalization, with constant scale and shift: torchvision's FrozenBatchNorm2d
				freeze(p)
			}
		})
	}
	m.pyramid = newPyramid(d, m.backbone.Widths(), c.Width, g)
	m.rpn = newProposer(d, c.Width, cmp.Or(c.ProposalWidth, c.Width), c.Anchors.PerPlace()[0], g)
	m.boxes = newBoxHead(d, c, g)
	m.masks = newMaskHead(d, c, g)
	return m, nil
}

// Config returns the configuration that m was built with.
func (m *Model) Config() Config { return m.config }

// Size is the size of a picture in pixels.
type Size struct{ Height, Width int }

// view is a batch of pictures as the heads see it.
type view struct {
	maps    []*tensor.Tensor // P2 … P6, [N, H/s, W/s, Width]
	scales  []float64        // of the maps: places for each pixel
	sizes   []Size           // of the pictures, without padding
	places  []place          // of the pictures in the batch
	anchors []detect.Box
	counts  []int          // anchors of each map, or of all maps whose proposals compete
	scores  *tensor.Tensor // [N, anchors], logits of being an object
	codes   *tensor.Tensor // [N, anchors, 4]
}

// view computes the pyramid and what the anchors predict for pictures x [N, H, W, 3] with values in [−1, 1], padded to the sides H and W,
// multiples of 32.
func (m *Model) view(x *tensor.Tensor, sizes []Size) *view {
	if x.Rank() != 4 || x.Dim(1)%stride != 0 || x.Dim(2)%stride != 0 || x.Dim(3) != 3 || len(sizes) != x.Dim(0) {
		panic(fmt.Sprintf("maskrcnn: %d pictures of shape %v, want [N, H, W, 3] with sides that are multiples of %d", len(sizes), x.Shape(), stride))
	}
	if m.config.Conventions == matterport && (x.Dim(1) != m.config.MaxSide || x.Dim(2) != m.config.MaxSide) {
		panic(fmt.Sprintf("maskrcnn: pictures of shape %v, want sides of %d", x.Shape(), m.config.MaxSide))
	}
	v := &view{sizes: sizes, maps: m.pyramid.forward(m.backbone.Features(x))}
	for _, size := range sizes {
		v.places = append(v.places, m.config.place(size))
	}
	var grids []detect.Grid
	for i, p := range v.maps {
		grids = append(grids, detect.Grid{Height: p.Dim(1), Width: p.Dim(2)})
		v.scales = append(v.scales, m.config.Scale(p.Dim(1), x.Dim(1)))
		v.counts = append(v.counts, p.Dim(1)*p.Dim(2)*m.config.Anchors.PerPlace()[i])
	}
	var err error
	if v.anchors, err = m.config.Anchors.Boxes(x.Dim(2), x.Dim(1), grids); err != nil {
		panic(err) // Validate has checked as many
	}
	if m.config.Conventions == matterport {
		for i := range v.anchors {
			v.anchors[i] = place{last: 1}.into(v.anchors[i])
		}
		v.counts = []int{len(v.anchors)}
	}
	v.scores, v.codes = m.rpn.forward(v.maps)
	return v
}

// stride is what sides of a batch are a multiple of, so that each map of the pyramid is half of the one before.
const stride = 32

// SetBackbone copies the weights of b, which must be the network of Config.Backbone. The error is a [*fault.FieldError].
func (m *Model) SetBackbone(b *backbone.Backbone) error {
	if m.config.Conventions == matterport {
		return fault.Field("Conventions", m.config.Conventions, "must be empty for weights of a network of ImageNet")
	}
	if b == nil || b.Name() != backbone.Canonical(m.config.Backbone) {
		return fault.Field("Backbone", m.config.Backbone, "must be the network whose weights are given; give others, or change it")
	}
	to := map[string]*tensor.Tensor{}
	m.backbone.VisitStages("", func(p nn.Param) { to[p.Path] = p.Tensor })
	b.VisitStages("", func(p nn.Param) {
		if !p.Tensor.IsInts() { // counts of batches have no use
			to[p.Path].Set(p.Tensor.Values())
		}
	})
	return nil
}

// Visit implements nn.Module, with the names of torchvision.
func (m *Model) Visit(path string, f func(nn.Param)) {
	trunk, heads := nn.Join(path, "backbone"), nn.Join(path, "roi_heads")
	m.backbone.VisitStages(nn.Join(trunk, "body"), func(p nn.Param) {
		p.Trainable = p.Trainable && !m.frozen[p.Tensor]
		f(p)
	})
	m.pyramid.visit(nn.Join(trunk, "fpn"), f)
	m.rpn.visit(nn.Join(path, "rpn.head"), f)
	m.boxes.visit(heads, f)
	m.masks.visit(heads, f)
}

// SetTraining implements nn.Module.
func (m *Model) SetTraining(on bool) {
	m.training = on
	m.backbone.SetTraining(on)
}

// String implements fmt.Stringer: the sizes of m and the table of [nn.Summary].
func (m *Model) String() string {
	c := m.config
	return fmt.Sprintf("Mask R-CNN: pictures of %d to %d pixels → boxes and masks of %d classes, backbone %s\n", c.MinSide, c.MaxSide, c.Classes, c.Backbone) + nn.Summary(m)
}

// Padding is the colour, in [−1, 1], of the pixels that fill a batch up beside smaller pictures: the backbone sees it as 0, or it is black
// with the conventions of [Matterport].
func (m *Model) Padding() [3]float32 { return m.backbone.Neutral() }
