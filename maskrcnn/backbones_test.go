package maskrcnn

import (
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/bestiary-ml/bestiary/backbone"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// keys are the 25 backbones of maskrcnn_tf2 (Popkov, 2021), another Mask R-CNN: what a model of one class has here, and what its README
// has, which lists ten of them for pictures of 512×512.
var keys = []struct {
	name            string
	ours, published int
	// What only that program's network has, beside what TestParameters counts for all: ResNets normalise before each convolution of a
	// block and not on shortcuts, and normalise the picture, too. ResNet-18 and 34 have a convolution on the first shortcut.
	own    int
	widths [4]int // of the maps that its pyramid reads, where they are others: inside of a block, and of the head
}{
	{name: "resnet18", ours: 30_906_715, published: 31_786_197, own: 4096 + 9 - 3328},
	{name: "resnet34", ours: 41_014_875, published: 41_901_781, own: 4096 + 9 - 3328},
	{name: "resnet50", ours: 43_975_515, published: 44_882_645, own: 9 - 15_104},
	{name: "resnet101", ours: 62_967_643, published: 63_926_997, own: 9 - 15_104},
	{name: "resnet152", ours: 78_611_291},
	{name: "resnext50", ours: 43_447_387},
	{name: "resnext101", ours: 62_596_187},
	{name: "seresnet18", ours: 30_995_795},
	{name: "seresnet34", ours: 41_176_071},
	{name: "seresnet50", ours: 46_506_507},
	{name: "seresnet101", ours: 67_745_355},
	{name: "seresnet152", ours: 85_240_331},
	{name: "seresnext50", ours: 45_978_379},
	{name: "seresnext101", ours: 67_373_899},
	{name: "senet154", ours: 133_507_467},
	{name: "mobilenet", ours: 23_182_939, published: 24_073_932},
	{name: "mobilenetv2", ours: 21_416_987, published: 23_172_684, widths: [4]int{144, 192, 576, 1280}},
	{name: "efficientnetb0", ours: 23_206_807, published: 25_001_128, widths: [4]int{144, 240, 672, 1280}},
	{name: "efficientnetb1", ours: 25_712_443, published: 27_526_796, widths: [4]int{144, 240, 672, 1280}},
	{name: "efficientnetb2", ours: 26_826_269, published: 28_777_470, widths: [4]int{144, 288, 720, 1408}},
	{name: "efficientnetb3", ours: 29_741_379, published: 31_862_068, widths: [4]int{192, 288, 816, 1536}},
	{name: "efficientnetb4", ours: 36_404_835},
	{name: "efficientnetb5", ours: 46_975_307},
	{name: "efficientnetb6", ours: 59_115_763},
	{name: "efficientnetb7", ours: 81_881_835},
}

// Of maskrcnn_tf2, in parameters.
const (
	anchors   = 4 * 65_472                  // the anchors of 512×512 pixels are a variable
	proposals = 594_929                     // region proposals have 512 channels between, two logits an anchor and no biases
	heads     = 2*4*1024 + 4*4*256          // batch normalization of both heads
	ofModel   = anchors + proposals + heads // beside ours
)

// TestParameters counts the parameters of all backbones, and explains each difference to what maskrcnn_tf2 publishes, which counts running
// statistics of batch normalization as parameters.
func TestParameters(t *testing.T) {
	for _, k := range keys {
		d := engine.NewDevice(countOnly{})
		c := Torchvision(k.name, 1)
		c.Pretrained = true // no weights are drawn
		m, err := New(d, c, tensor.NewGenerator(1))
		if err != nil {
			t.Fatal(err)
		}
		weights, statistics := counted(m.Visit)
		if weights != k.ours {
			t.Errorf("%s has %d parameters, want %d", k.name, weights, k.ours)
		}
		if k.published == 0 {
			continue
		}
		theirs := weights + statistics + ofModel + k.own
		if k.widths != [4]int{} { // with a head that widens the last map
			b := m.backbone.(*backbone.Backbone)
			whole, all := counted(b.VisitFeatures)
			stages, some := counted(b.VisitStages)
			theirs += whole + all - stages - some
			for i, width := range b.Widths() {
				theirs += (k.widths[i] - width) * c.Width
			}
		}
		if theirs != k.published {
			t.Errorf("%s has %d parameters there, want %d, %+d", k.name, theirs, k.published, theirs-k.published)
		}
	}
	if len(keys) != 25 {
		t.Errorf("%d keys", len(keys))
	}
}

// counted returns the numbers of weights and of running statistics.
func counted(visit func(path string, f func(nn.Param))) (weights, statistics int) {
	visit("", func(p nn.Param) {
		switch name := p.Path[strings.LastIndex(p.Path, ".")+1:]; {
		case slices.Contains([]string{"running_mean", "running_var"}, name):
			statistics += p.Tensor.Len()
		case !p.Tensor.IsInts():
			weights += p.Tensor.Len()
		}
	})
	return weights, statistics
}

// countOnly is a device whose tensors have shapes, but no memory.
type countOnly struct{ kernel.Device }

func (countOnly) Features() kernel.Features { return kernel.Features{HostMemory: true} }
func (countOnly) Alloc(n int) kernel.Buffer {
	return kernel.Buffer{Host: unsafe.Pointer(new(byte)), Len: n, Size: 4}
}
func (countOnly) AllocInts(n int) kernel.Buffer                        { return countOnly{}.Alloc(n) }
func (countOnly) Fill(kernel.Buffer, float64)                          {}
func (countOnly) Copy(kernel.Strided, kernel.Buffer, kernel.Buffer)    {}
func (countOnly) Upload(kernel.Buffer, []float32)                      {}
func (countOnly) UploadInts(kernel.Buffer, []int32)                    {}
func (countOnly) Normal(key, offset uint64, dst kernel.Buffer)         {}
func (countOnly) Uniform(key, offset uint64, dst kernel.Buffer)        {}
func (countOnly) Unary(op kernel.Unary, a float64, x, y kernel.Buffer) {}
