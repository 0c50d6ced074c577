package sample

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"slices"
	"strings"
	"sync"

	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/usage"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// batch is how many pictures go through a model at a time.
const batch = 64

// Pets is a trained pipeline of autoencoder and flow, ready to draw. Its methods may be called from several
// goroutines; they take turns.
type Pets struct {
	mu          sync.Mutex
	device      *tensor.Device
	data        data.Description
	autoencoder *autoencoder.Autoencoder
	flow        *flows.RealNVP // nil until one has been trained
	stale       error          // why there is none, though one has been trained
}

// OpenPets loads the models of a run folder. The flow may be missing; what needs it then says so.
func OpenPets(dir string, d *tensor.Device) (*Pets, error) {
	r, err := run.Open(dir)
	if err != nil {
		return nil, err
	}
	p := &Pets{device: d}
	if err := r.Data(&p.data); err != nil {
		return nil, err
	}
	var sizes autoencoder.Config
	if err := r.Config("autoencoder", &sizes); err != nil {
		return nil, err
	}
	if len(p.data.Classes) == 0 || p.data.Size != sizes.ImageSize {
		return nil, fmt.Errorf("%s: the data has %d classes and pictures of size %d, the autoencoder takes size %d; restore the file from a copy",
			r.Path("config.json"), len(p.data.Classes), p.data.Size, sizes.ImageSize)
	}
	if p.autoencoder, err = autoencoder.New(d, sizes, tensor.NewGenerator(0)); err != nil {
		return nil, fmt.Errorf("%s: %w", r.Path("config.json"), err)
	}
	if _, err := r.LoadWeights("autoencoder", p.autoencoder); err != nil {
		return nil, err
	}
	p.autoencoder.SetTraining(false)
	nn.Freeze(p.autoencoder)
	if !r.HasWeights("flow") {
		return p, nil
	}
	var shape flows.Config
	if err := r.Config("flow", &shape); err != nil {
		return nil, err
	}
	if shape.Dim != sizes.Embedding || shape.Classes != len(p.data.Classes) {
		return nil, fmt.Errorf("%s: the flow is for %d numbers in %d classes, the autoencoder makes %d and the data has %d; restore the file from a copy",
			r.Path("config.json"), shape.Dim, shape.Classes, sizes.Embedding, len(p.data.Classes))
	}
	if p.flow, err = flows.NewRealNVP(d, shape, tensor.NewGenerator(0)); err != nil {
		return nil, fmt.Errorf("%s: %w", r.Path("config.json"), err)
	}
	if _, err := r.LoadWeights("flow", p.flow); err != nil {
		return nil, err
	}
	var trained FlowOptions
	if r.Options("flow", &trained) == nil { // older runs have none
		if p.stale = trained.Check(p.autoencoder); p.stale != nil {
			p.stale = fmt.Errorf("%s: %w", r.Path("autoencoder.safetensors"), p.stale)
			p.flow = nil
			return p, nil
		}
	}
	p.flow.SetTraining(false)
	nn.Freeze(p.flow)
	return p, nil
}

// NewPets makes a pipeline of models that are in memory; flow may be nil.
func NewPets(d *tensor.Device, description data.Description, a *autoencoder.Autoencoder, flow *flows.RealNVP) *Pets {
	return &Pets{device: d, data: description, autoencoder: a, flow: flow}
}

// Classes names the classes that the flow knows, in the order of their numbers.
func (p *Pets) Classes() []string { return slices.Clone(p.data.Classes) }

// Size is the side of the pictures.
func (p *Pets) Size() int { return p.autoencoder.Config().ImageSize }

// Channels is 3: the pictures are RGB.
func (p *Pets) Channels() int { return 3 }

// Pictures makes pictures of pixels [N, S, S, 3].
func (p *Pets) Pictures(pixels []uint8) []*image.NRGBA { return Split(pixels, p.Size()) }

// Dataset describes what the models were trained on.
func (p *Pets) Dataset() data.Description { return p.data }

// Options say what to sample. The zero value draws one picture of the first class with seed 0 at temperature 1.
type Options struct {
	Class       string  // one of Classes
	N           int     // how many; 0 means 1
	Seed        uint64  // the same seed gives the same pictures
	Temperature float64 // scale of the latent noise, 0 means 1: lower is more typical, higher more varied
	Candidates  int     // draw so many and keep the N of highest density; 0 means N
}

// Picture is a sample.
type Picture struct {
	Image      *image.NRGBA
	Embedding  []float32 // [E]
	LogDensity float64   // ln p(embedding | class) in nats: the true density under the flow, whatever the temperature
}

// Sample draws pictures of a class, those of highest density first. It stops early when the context ends.
func (p *Pets) Sample(ctx context.Context, o Options) ([]Picture, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.needFlow(); err != nil {
		return nil, err
	}
	class, err := p.class(o.Class)
	if err != nil {
		return nil, usage.Mistake(err)
	}
	if o.N == 0 {
		o.N = 1
	}
	if o.N < 0 || o.Candidates != 0 && o.Candidates < o.N {
		return nil, fmt.Errorf("%d pictures out of %d candidates are not possible; use positive numbers, and at least as many candidates", o.N, o.Candidates)
	}
	total := max(o.Candidates, o.N)
	if o.Temperature == 0 {
		o.Temperature = 1
	}
	if !(o.Temperature > 0) || o.Temperature > 100 {
		return nil, fmt.Errorf("temperature %v is not possible; use a positive number, 1 for the model's own spread", o.Temperature)
	}
	g := tensor.NewGenerator(o.Seed).Fork("sample " + p.data.Classes[class])
	embedding := p.autoencoder.Config().Embedding
	all := make([]Picture, 0, total)
	for len(all) < total {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := min(batch, total-len(all))
		step := p.device.Scratch()
		x, logProb, err := p.flow.Sample(n, p.condition(slices.Repeat([]int{class}, n)), o.Temperature, g)
		if err != nil {
			step.End()
			return nil, err
		}
		values, densities := x.Values(), logProb.Values()
		step.End()
		for i := range n {
			all = append(all, Picture{Embedding: values[i*embedding : (i+1)*embedding], LogDensity: float64(densities[i])})
		}
	}
	slices.SortStableFunc(all, func(a, b Picture) int { return cmp.Compare(b.LogDensity, a.LogDensity) })
	all = all[:o.N]
	for lo := 0; lo < len(all); lo += batch {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		part := all[lo:min(lo+batch, len(all))]
		var embeddings []float32
		for _, s := range part {
			embeddings = append(embeddings, s.Embedding...)
		}
		images, err := p.decode(embeddings)
		if err != nil {
			return nil, err
		}
		for i := range part {
			part[i].Image = images[i]
		}
	}
	return all, nil
}

// Reconstruct encodes and decodes pictures, RGB pixels [N, S, S, 3].
func (p *Pets) Reconstruct(pixels []uint8) ([]*image.NRGBA, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := whole(pixels, p.Size(), 3); err != nil {
		return nil, err
	}
	return p.decode(p.embed(pixels))
}

// Walk draws frames pictures on the way from one picture to another, both [S, S, 3], through the flow's latent space:
// along a great arc between their latents, while the condition changes from one class to the other.
func (p *Pets) Walk(from, to []uint8, classFrom, classTo string, frames int) ([]*image.NRGBA, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.needFlow(); err != nil {
		return nil, err
	}
	if frames < 2 {
		return nil, fmt.Errorf("a walk of %d frames is not possible; use two or more", frames)
	}
	first, err := p.class(classFrom)
	if err != nil {
		return nil, usage.Mistake(err)
	}
	last, err := p.class(classTo)
	if err != nil {
		return nil, usage.Mistake(err)
	}
	if one := p.Size() * p.Size() * 3; len(from) != one || len(to) != one {
		return nil, fmt.Errorf("%d and %d values are no two pictures; give %d×%d×3 each", len(from), len(to), p.Size(), p.Size())
	}
	dim := p.autoencoder.Config().Embedding
	ends := append(p.embed(from), p.embed(to)...)
	step := p.device.Scratch()
	defer step.End()
	z, _ := p.flow.Forward(p.device.From(ends, 2, dim), p.condition([]int{first, last}))
	latents := z.Values()
	var path, mix []float32
	for i := range frames {
		t := float64(i) / float64(frames-1)
		path = append(path, slerp(latents[:dim], latents[dim:], t)...)
		weights := make([]float32, len(p.data.Classes))
		weights[first] += float32(1 - t)
		weights[last] += float32(t)
		mix = append(mix, weights...)
	}
	x, _ := p.flow.Inverse(p.device.From(path, frames, dim), p.device.From(mix, frames, len(p.data.Classes)))
	return p.decode(x.Values())
}

// Embed returns the embeddings [N, E] of pictures, RGB pixels [N, S, S, 3].
func (p *Pets) Embed(pixels []uint8) []float32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.embed(pixels)
}

func (p *Pets) embed(pixels []uint8) []float32 {
	size := p.Size()
	one := size * size * 3
	var all []float32
	for lo := 0; lo < len(pixels); lo += batch * one {
		part := pixels[lo:min(lo+batch*one, len(pixels))]
		values := make([]float32, len(part))
		data.Scale(values, part)
		step := p.device.Scratch()
		all = append(all, p.autoencoder.Encode(p.device.From(values, len(part)/one, size, size, 3)).Values()...)
		step.End()
	}
	return all
}

// decode draws embeddings [N, E].
func (p *Pets) decode(embeddings []float32) ([]*image.NRGBA, error) {
	dim, size := p.autoencoder.Config().Embedding, p.Size()
	var all []*image.NRGBA
	for lo := 0; lo < len(embeddings); lo += batch * dim {
		part := embeddings[lo:min(lo+batch*dim, len(embeddings))]
		step := p.device.Scratch()
		values := p.autoencoder.Decode(p.device.From(part, len(part)/dim, dim)).Values()
		step.End()
		images, err := Pixels(values, len(part)/dim, size, size)
		if err != nil {
			return nil, err
		}
		all = append(all, images...)
	}
	return all, nil
}

// condition is the one-hot encoding of classes, which class has checked.
func (p *Pets) condition(classes []int) *tensor.Tensor {
	c, err := flows.OneHot(p.device, classes, len(p.data.Classes))
	if err != nil {
		panic(err)
	}
	return c
}

func (p *Pets) class(name string) (int, error) {
	if name == "" && len(p.data.Classes) > 0 {
		return 0, nil
	}
	for i, c := range p.data.Classes {
		if c == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("class %q does not exist in this run; choose one of %s", name, strings.Join(p.data.Classes, ", "))
}

// FlowOptions is what a run keeps of a flow's training beyond its Config.
type FlowOptions struct {
	Autoencoder string `json:"autoencoder"` // checksum of the autoencoder that made the embeddings; "" is not known
}

// Check tells that the flow was trained on embeddings that a doesn't make any more.
func (o FlowOptions) Check(a *autoencoder.Autoencoder) error {
	if o.Autoencoder == "" {
		return nil
	}
	if sum := nn.Checksum(a); sum != o.Autoencoder {
		return fmt.Errorf("the flow was trained with other weights of the autoencoder (%s, now %s); put these back, or delete flow.safetensors and flow.state.safetensors and train it anew",
			o.Autoencoder, sum)
	}
	return nil
}

func (p *Pets) needFlow() error {
	if p.stale != nil {
		return p.stale
	}
	if p.flow == nil {
		return fmt.Errorf("this run has no flow yet; make one with \"bestiary train flow --run RUN\"")
	}
	return nil
}
