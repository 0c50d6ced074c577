package sample

import (
	"cmp"
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
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tarflow"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/vqgan"
)

// FlowModels are the models of a [Flow]: an autoencoder, and a flow over its latents, which may be nil until it is trained.
// They are either Autoencoder and Flow, or KL and TarFlow.
type FlowModels struct {
	Autoencoder *autoencoder.Autoencoder // pictures as vectors
	Flow        *flows.ClassFlow         // over the embeddings of Autoencoder

	KL      *vqgan.Model  // pictures as latent maps
	TarFlow *tarflow.Flow // over the latent maps of KL
}

// Flow is the pipeline of an autoencoder and a conditional flow over its latents. It samples pictures of a class with
// their log-density, reconstructs pictures, and interpolates between two of them. An embedding is a row of E numbers: the
// vector of an autoencoder, or the latent map of a KL autoencoder, row by row.
type Flow struct {
	device  *tensor.Device
	run     string // path of the run folder; "" for models in memory
	data    data.Description
	models  FlowModels
	latents latents // of models
	stale   error   // why the trained flow can't be used
}

// NewFlow makes a pipeline of models in memory on device d. The description names the classes in the order of the flow's
// condition. Models that don't fit each other give a [*fault.FieldError].
func NewFlow(d *tensor.Device, description data.Description, m FlowModels) (*Flow, error) {
	if err := require.Device(d); err != nil {
		return nil, err
	}
	l, err := m.latents()
	if err != nil {
		return nil, err
	}
	if err := m.agree(len(description.Classes)); err != nil {
		return nil, err
	}
	return &Flow{device: d, data: description, models: m, latents: l}, nil
}

// Classes returns the names of the classes, in the order of the flow's condition.
func (p *Flow) Classes() []string { return slices.Clone(p.data.Classes) }

// Size is the width and the height of the pictures, in pixels.
func (p *Flow) Size() int {
	if p.empty() {
		return 0
	}
	return p.latents.size()
}

// Channels is the number C of values of a pixel: 3 for RGB, 4 for RGBA.
func (p *Flow) Channels() int {
	if p.empty() {
		return 3
	}
	return p.latents.channels()
}

// Embedding is the number E of values of an embedding.
func (p *Flow) Embedding() int {
	if p.empty() {
		return 0
	}
	return p.latents.dim()
}

// empty reports whether the pipeline is nil or a zero value.
func (p *Flow) empty() bool { return p == nil || p.latents == nil }

// Pictures converts pixels [N, S, S, C] to pictures.
func (p *Flow) Pictures(pixels []uint8) []*image.NRGBA { return Split(pixels, p.Size(), p.Channels()) }

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
	if p.empty() {
		return errNoPipeline
	}
	if p.stale != nil {
		return p.stale
	}
	if !p.latents.trained() {
		encoder, flow := p.latents.kinds()
		return &fault.Missing{Run: p.run, Model: flow, There: []string{encoder}}
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
	return checkEncoder(o.Autoencoder, vectors{autoencoder: a})
}

// TarFlowOptions are what a run folder records about the training of a TarFlow beyond its Config.
type TarFlowOptions struct {
	KL      string       `json:"kl"`      // checksum of the KL autoencoder that made the latents; "" if unknown
	Views   int          `json:"views"`   // random views of each training picture, beside the picture itself
	Augment data.Augment `json:"augment"` // what differs between the views
}

// maxViews bounds the memory of the latents: each view of a picture has as many as the picture.
const maxViews = 1000

// CheckViews returns a [*fault.FieldError] for a number of random views of each training picture that is not allowed.
func CheckViews(n int) error {
	if n < 0 || n > maxViews {
		return fault.Field("Views", n, "must be 0 to %d", maxViews)
	}
	return nil
}

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (o TarFlowOptions) Validate() error { return cmp.Or(CheckViews(o.Views), o.Augment.Validate()) }

// Check returns an error if m isn't the KL autoencoder on whose latents the flow was trained.
func (o TarFlowOptions) Check(m *vqgan.Model) error { return checkEncoder(o.KL, spatial{kl: m}) }

// checkEncoder returns an error unless the encoder has the checksum with which the flow was trained; "" is unknown.
func checkEncoder(trained string, l latents) error {
	if trained == "" {
		return nil
	}
	encoder, flow := l.kinds()
	if sum := nn.Checksum(l.encoder()); sum != trained {
		return fmt.Errorf("the %s was trained with other weights of the %s (%s, now %s); restore these, or delete %s.safetensors and %s.state.safetensors and train the %s again",
			flow, encoder, trained, sum, flow, flow, flow)
	}
	return nil
}
