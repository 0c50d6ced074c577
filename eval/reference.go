package eval

import (
	"context"
	"image"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
)

// QualityOptions say how generators are measured.
type QualityOptions struct {
	Samples   int                   // pictures to draw; 0: as many as there are held-out ones, and at most 2,000
	Seed      uint64                // of the samples
	Sampling  *sampling.Options     // of the samples; nil is sampling.Default()
	Solving   sample.Solving        // of the samples of a rectified flow
	Judges    []*Judge              // classifiers of the class asked for, and of attributes of captions
	Features  *Extractor            // in which sets of pictures are compared; nil: the features of the first judge, if any
	CLIP      *sample.TextToImage   // finds prompts of generated pictures; nil: no retrieval
	Resamples int                   // resampled sets for the intervals of Fréchet distances; 0: 200
	Begin     func(what string)     // called before each measurement with its name; may be nil
	Progress  func(done, total int) // of the drawing; may be nil
}

// MaxSamples is the largest number of pictures that a measurement draws.
const MaxSamples = 50_000

// defaultSamples is the largest number of pictures that a measurement draws unless it is given one.
const defaultSamples = 2000

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (o QualityOptions) Validate() error {
	if o.Samples < 0 || o.Samples > MaxSamples {
		return fault.Field("Samples", o.Samples, "must be from 1 to %d pictures, or 0 for as many as are held out", MaxSamples)
	}
	if err := o.Solving.Validate(); err != nil {
		return err
	}
	if o.Resamples < 0 || o.Resamples > 10_000 {
		return fault.Field("Resamples", o.Resamples, "must be from 1 to 10000, or 0 for 200")
	}
	return nil
}

// Reference is a set of real pictures against which generators are measured, and the floor of each figure: what as many
// real training photos reach. It serves several generators.
type Reference struct {
	options   QualityOptions
	heldOut   *data.Dataset
	training  *data.Dataset // nil: no floor and no copy test
	floor     *data.Dataset // of training: as many as there are samples, of the same classes
	chosen    []int         // [samples], the held-out picture whose class or caption a sample is drawn for
	extractor *Extractor    // nil: none

	unseen, seen, floorFeatures Features // of heldOut, of training and its mirror images, of floor
	unseenPixels, seenPixels    Features
	floorFigures                []Estimate // of distribution, once computed
}

// NewReference computes the features of real pictures. training may be nil. All pictures have the size of the generators.
func NewReference(ctx context.Context, heldOut, training *data.Dataset, o QualityOptions) (r *Reference, err error) {
	defer fault.Catch(&err)
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if heldOut == nil || heldOut.Len() == 0 {
		return nil, fault.Field("Pictures", nil, "there are none to measure against; give held-out pictures")
	}
	if n := heldOut.Len(); n <= NearestDensity {
		return nil, fault.Field("Pictures", n, "are too few to measure against; give %d held-out pictures or more, better hundreds", NearestDensity+1)
	}
	if training != nil && (training.Size != heldOut.Size || max(training.Channels, 3) != max(heldOut.Channels, 3)) {
		return nil, fault.Field("Training", nil, "must have pictures of %d pixels like the held-out ones, not %d", heldOut.Size, training.Size)
	}
	if training != nil && training.Len() == 0 {
		training = nil
	}
	r = &Reference{options: o, heldOut: heldOut, training: training, extractor: o.Features}
	if r.extractor == nil && len(o.Judges) > 0 {
		e := o.Judges[0].Extractor()
		r.extractor = &e
	}
	n := o.Samples
	if n == 0 {
		n = min(heldOut.Len(), defaultSamples)
	}
	n = max(n, NearestDensity+1)
	for i := range n {
		from := i % heldOut.Len()
		if n < heldOut.Len() {
			from = i * heldOut.Len() / n // spread over the classes
		}
		r.chosen = append(r.chosen, from)
	}
	for _, j := range o.Judges {
		e := j.Extractor()
		if err := e.check(heldOut.Size, max(heldOut.Channels, 3)); err != nil {
			return nil, err
		}
	}
	if training != nil {
		r.chooseFloor()
		r.unseenPixels, r.seenPixels = pixelFeatures(heldOut), both(pixelFeatures(training), pixelFeatures(mirrored(training)))
	}
	return r, r.extract(ctx)
}

// extract computes the features of real pictures.
func (r *Reference) extract(ctx context.Context) (err error) {
	if r.extractor == nil {
		return nil
	}
	if err := r.extractor.check(r.heldOut.Size, max(r.heldOut.Channels, 3)); err != nil {
		return err
	}
	r.begin("features of photos")
	if r.unseen, err = r.extractor.Extract(ctx, r.heldOut.Pixels, r.heldOut.Size); err != nil || r.training == nil {
		return err
	}
	if r.floorFeatures, err = r.extractor.Extract(ctx, r.floor.Pixels, r.floor.Size); err != nil {
		return err
	}
	seen, err := r.extractor.Extract(ctx, r.training.Pixels, r.training.Size)
	if err != nil {
		return err
	}
	mirror, err := r.extractor.Extract(ctx, mirrored(r.training).Pixels, r.training.Size)
	r.seen = both(seen, mirror)
	return err
}

func (r *Reference) begin(what string) {
	if r.options.Begin != nil {
		r.options.Begin(what)
	}
}

// chooseFloor chooses training pictures, as many as there are samples and of the same classes as long as there are some
// left, else of any class, in an order that is always the same.
func (r *Reference) chooseFloor() {
	order := tensor.NewGenerator(0).Fork("floor").Permutation(r.training.Len())
	byClass := map[string][]int{}
	for _, p := range order {
		name := className(r.training, int(p))
		byClass[name] = append(byClass[name], int(p))
	}
	taken := map[int]bool{}
	for _, from := range r.chosen {
		name := className(r.heldOut, from)
		if left := byClass[name]; len(left) > 0 {
			taken[left[0]], byClass[name] = true, left[1:]
		}
	}
	for _, p := range order {
		if len(taken) < len(r.chosen) {
			taken[int(p)] = true
		}
	}
	r.floor = r.training.Where(func(i int) bool { return taken[i] })
}

func className(d *data.Dataset, i int) string {
	if label := d.Label(i); label >= 0 && label < len(d.Classes) {
		return d.Classes[label]
	}
	return ""
}

// requests returns what a generator is to draw, and the prompts for one that draws for prompts.
func (r *Reference) requests(g *sample.Generator) (all []sample.Request, err error) {
	if g.Classes == nil {
		for _, from := range r.chosen {
			prompt := r.caption(from)
			if prompt == "" {
				return nil, fault.Field("Pictures", nil, "need a caption each, since the %s draws for prompts, and %s has none; give pictures with captions", g.Model, r.heldOut.Name(from))
			}
			all = append(all, sample.Request{Prompt: prompt})
		}
		return all, nil
	}
	names := make([]string, len(r.chosen))
	for i, from := range r.chosen {
		names[i] = className(r.heldOut, from)
	}
	if all, err = g.ClassRequests(names...); err != nil {
		return nil, fault.Field("Pictures", nil, "have the classes %s, and the %s draws %s; give pictures of the generator's classes", listOf(r.heldOut.Classes), g.Model, listOf(g.Classes))
	}
	return all, nil
}

// caption returns the caption of a held-out picture that stands for it, always the same; "" if it has none.
func (r *Reference) caption(i int) string {
	if r.heldOut.Captions == nil || len(r.heldOut.Captions[i]) == 0 {
		return ""
	}
	captions := r.heldOut.Captions[i]
	return captions[data.Choose(0, 0, i, len(captions))]
}

// mirrored returns the pictures with left and right exchanged: training shows both.
func mirrored(d *data.Dataset) *data.Dataset {
	m := *d
	m.Pixels = make([]uint8, len(d.Pixels))
	channels := max(d.Channels, 3)
	row := d.Size * channels
	for lo := 0; lo < len(d.Pixels); lo += row {
		for x := range d.Size {
			copy(m.Pixels[lo+x*channels:][:channels], d.Pixels[lo+(d.Size-1-x)*channels:][:channels])
		}
	}
	return &m
}

// comparedSide is the side in pixels at which pictures are compared pixel by pixel.
const comparedSide = 32

// pixelFeatures returns the pixels of pictures, in [0, 1], averaged to comparedSide, so that a little noise or a shift of
// a pixel doesn't hide a copy.
func pixelFeatures(d *data.Dataset) Features {
	channels, factor := max(d.Channels, 3), 1
	for d.Size/factor > comparedSide && d.Size%(2*factor) == 0 {
		factor *= 2
	}
	side := d.Size / factor
	f := Features{Dim: side * side * channels, Rows: make([]float32, d.Len()*side*side*channels)}
	scale := 1 / (255 * float32(factor*factor))
	for i := range d.Len() {
		from, to := d.Image(i), f.Row(i)
		for y := range d.Size {
			for x := range d.Size {
				for c := range channels {
					to[(y/factor*side+x/factor)*channels+c] += float32(from[(y*d.Size+x)*channels+c]) * scale
				}
			}
		}
	}
	return f
}

// both returns the rows of a and then those of b.
func both(a, b Features) Features {
	return Features{append(append(make([]float32, 0, len(a.Rows)+len(b.Rows)), a.Rows...), b.Rows...), a.Dim}
}

// datasetOf returns pictures of a generator as a dataset.
func datasetOf(g *sample.Generator, images []*image.NRGBA) *data.Dataset {
	d := &data.Dataset{Size: g.Size, Channels: g.Channels, Labels: make([]int, len(images))}
	for _, img := range images {
		if g.Channels == 4 {
			d.Pixels = append(d.Pixels, img.Pix...)
			continue
		}
		d.Pixels = append(d.Pixels, sample.ToRGB(img)...)
	}
	return d
}
