package sample

import (
	"context"
	"fmt"
	"image"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// FlowModels are the models of a [Flow].
type FlowModels struct {
	Autoencoder *autoencoder.Autoencoder
	Flow        *flows.RealNVP // over the embeddings of Autoencoder; nil until it is trained
}

// Flow is the pipeline of an autoencoder and a conditional flow over its embeddings. It samples pictures of a class with
// their log-density, reconstructs pictures, and interpolates between two of them.
type Flow struct {
	device *tensor.Device
	run    string // path of the run folder; "" for models in memory
	data   data.Description
	models FlowModels
	stale  error // why the trained flow can't be used
}

// NewFlow makes a pipeline of models in memory on device d. The description names the classes in the order of the flow's
// condition. Models that don't fit each other give a [*fault.FieldError].
func NewFlow(d *tensor.Device, description data.Description, m FlowModels) (*Flow, error) {
	if err := require.Device(d); err != nil {
		return nil, err
	}
	if m.Autoencoder == nil {
		return nil, fault.Field("Autoencoder", nil, "must not be nil; only Flow may be")
	}
	if f, a := m.Flow, m.Autoencoder.Config(); f != nil && (f.Config.Dim != a.Embedding || f.Config.Classes != len(description.Classes)) {
		return nil, fault.Field("Flow", nil, "has %d dimensions and %d classes, but the autoencoder's embeddings have %d and the description names %d",
			f.Config.Dim, f.Config.Classes, a.Embedding, len(description.Classes))
	}
	return &Flow{device: d, data: description, models: m}, nil
}

// Classes returns the names of the classes, in the order of the flow's condition.
func (p *Flow) Classes() []string { return slices.Clone(p.data.Classes) }

// Size is the width and the height of the pictures, in pixels.
func (p *Flow) Size() int { return p.sizes().ImageSize }

// Channels is 3: the pictures are RGB.
func (p *Flow) Channels() int { return 3 }

// Embedding is the number E of values of an embedding.
func (p *Flow) Embedding() int { return p.sizes().Embedding }

// sizes returns the configuration of the autoencoder, the zero value for a pipeline that is nil or a zero value.
func (p *Flow) sizes() (c autoencoder.Config) {
	if p != nil && p.models.Autoencoder != nil {
		c = p.models.Autoencoder.Config()
	}
	return c
}

// Pictures converts pixels [N, S, S, 3] to pictures.
func (p *Flow) Pictures(pixels []uint8) []*image.NRGBA { return Split(pixels, p.Size(), 3) }

// Dataset describes the pictures that the models were trained on.
func (p *Flow) Dataset() data.Description { return p.data }

// Use calls f with the device and the models while nothing else computes on the device, see [tensor.Device.Exclusive]. A
// failure of the device within f becomes Use's error.
func (p *Flow) Use(ctx context.Context, f func(d *tensor.Device, m FlowModels) error) error {
	if f == nil {
		return errNoFunction
	}
	_, err := exclusive(ctx, p.device, func() (struct{}, error) { return struct{}{}, f(p.device, p.models) })
	return err
}

// RequireFlow returns an error unless there is a trained flow that fits the autoencoder: a [*fault.Missing], or an error
// that names the file that has changed.
func (p *Flow) RequireFlow() error {
	if p == nil {
		return errNoPipeline
	}
	if p.stale != nil {
		return p.stale
	}
	if p.models.Flow == nil {
		return &fault.Missing{Run: p.run, Model: models.Flow.Name, There: []string{models.Autoencoder.Name}}
	}
	return nil
}

// Class returns the number of a class; "" is the first class.
func (p *Flow) Class(name string) (int, error) {
	if name == "" && len(p.data.Classes) > 0 {
		return 0, nil
	}
	if i := slices.Index(p.data.Classes, name); i >= 0 {
		return i, nil
	}
	return 0, fault.Field("Class", fmt.Sprintf("%.80q", name), "must be one of %s", strings.Join(p.data.Classes, ", "))
}

// condition returns the one-hot encoding [N, classes] of numbers of classes.
func (p *Flow) condition(classes []int) (*tensor.Tensor, error) {
	return flows.OneHot(p.device, classes, len(p.data.Classes))
}

// FlowOptions are what a run folder records about a flow's training beyond its Config.
type FlowOptions struct {
	Autoencoder string `json:"autoencoder"` // checksum of the autoencoder that made the embeddings; "" if unknown
}

// Check returns an error if a isn't the autoencoder on whose embeddings the flow was trained.
func (o FlowOptions) Check(a *autoencoder.Autoencoder) error {
	if o.Autoencoder == "" {
		return nil
	}
	if sum := nn.Checksum(a); sum != o.Autoencoder {
		return fmt.Errorf("the flow was trained with other weights of the autoencoder (%s, now %s); restore these, or delete flow.safetensors and flow.state.safetensors and train the flow again",
			o.Autoencoder, sum)
	}
	return nil
}
