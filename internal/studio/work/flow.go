package work

import (
	"context"
	"image"
	"net/http"

	"github.com/bestiary-ml/bestiary/internal/studio/jobs"
	"github.com/bestiary-ml/bestiary/internal/studio/library"
	"github.com/bestiary-ml/bestiary/internal/studio/problem"
	"github.com/bestiary-ml/bestiary/internal/studio/upload"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/sample"
)

// widest is how many bytes the widest layers take for each pixel of a picture.
const widest = 4 * 64 * 3

// alone makes a task that runs by itself, of pictures of size×size pixels.
func alone(pictures, size int, run func(ctx context.Context, j *jobs.Job) (jobs.Result, error)) jobs.Task {
	return jobs.Task{
		Pictures: pictures, Bytes: size * size * (min(pictures, 16)*widest + 8*pictures),
		Run: func(ctx context.Context, batch []*jobs.Job) {
			for _, j := range batch {
				own, cancel := context.WithCancel(j.Context())
				stop := context.AfterFunc(ctx, cancel)
				result, err := run(own, j)
				stop()
				cancel()
				j.Finish(result, err)
			}
		},
	}
}

// sample makes a job that draws pictures of a class, with their densities.
func (d *Desk) sample(b *library.Book, r *Request) (jobs.Task, error) {
	if b.Flow == nil {
		return jobs.Task{}, noFlow(b)
	}
	if err := b.Flow.RequireFlow(); err != nil {
		return jobs.Task{}, err
	}
	class, err := b.Flow.Class(r.Class)
	if err != nil {
		return jobs.Task{}, err
	}
	name := b.Flow.Classes()[class]
	o := sample.Options{Class: name, N: r.count(), Seed: *r.Seed, Candidates: r.Rank, Sampling: r.sampling(sampling.Default())}
	if err := b.Flow.Check(o); err != nil {
		return jobs.Task{}, err
	}
	return alone(max(o.N, o.Candidates), b.Flow.Size(), func(ctx context.Context, j *jobs.Job) (jobs.Result, error) {
		o.Progress = func(done, total int) { j.Progress(done, total, nil) }
		drawn, err := b.Flow.Sample(ctx, o)
		if err != nil {
			return jobs.Result{}, err
		}
		var all jobs.Result
		for i, p := range drawn {
			file, err := EncodePNG(p.Image)
			if err != nil {
				return jobs.Result{}, err
			}
			own := jobs.Picture{PNG: file, Class: name, Index: i, Seed: o.Seed, LogDensity: &p.LogDensity}
			if r.Latents {
				own.Latent = p.Embedding
			}
			all.Pictures = append(all.Pictures, own)
		}
		return all, nil
	}), nil
}

// interpolate makes a job that draws the frames between two pictures.
func (d *Desk) interpolate(b *library.Book, r *Request) (jobs.Task, error) {
	if b.Flow == nil {
		return jobs.Task{}, noFlow(b)
	}
	if err := b.Flow.RequireFlow(); err != nil {
		return jobs.Task{}, err
	}
	frames := 12
	if r.Frames != nil {
		frames = *r.Frames
	}
	if frames < 2 || frames > maxFrames {
		return jobs.Task{}, problem.Wrong("frames", "must be from 2 to %d", maxFrames)
	}
	o := sampling.Default()
	if r.Temperature != nil {
		o.Temperature = *r.Temperature
	}
	if err := (sample.Options{Sampling: &o}).Validate(); err != nil {
		return jobs.Task{}, err
	}
	if r.From != nil && r.To != nil && r.Temperature != nil {
		return jobs.Task{}, problem.Wrong("temperature", "has no use between two pictures that are given; leave it out")
	}
	from, err := newEnd(b.Flow, "from", r.From, r.FromSeed, r.FromClass)
	if err != nil {
		return jobs.Task{}, err
	}
	to, err := newEnd(b.Flow, "to", r.To, r.ToSeed, r.ToClass)
	if err != nil {
		return jobs.Task{}, err
	}
	return alone(frames, b.Flow.Size(), func(ctx context.Context, j *jobs.Job) (jobs.Result, error) {
		ends := sample.Ends{ClassFrom: from.class, ClassTo: to.class}
		var err error
		if ends.From, err = from.draw(ctx, b.Flow, o); err != nil {
			return jobs.Result{}, err
		}
		if ends.To, err = to.draw(ctx, b.Flow, o); err != nil {
			return jobs.Result{}, err
		}
		images, err := b.Flow.Interpolate(ctx, ends, frames)
		return pictures(images, err)
	}), nil
}

// end is an end of an interpolation: a picture, or what is drawn.
type end struct {
	pixels []uint8
	seed   uint64
	class  string
}

func newEnd(f *sample.Flow, field string, picture []byte, seed *uint64, class string) (e end, err error) {
	number, err := f.Class(class)
	if err != nil {
		return e, problem.Wrong(field+"_class", "must be a class of the run")
	}
	e.class = f.Classes()[number]
	switch {
	case picture != nil && seed != nil:
		return e, problem.Wrong(field+"_seed", "can't be combined with %s; set one of them", field)
	case picture != nil:
		e.pixels, err = upload.Picture(field, picture, f.Size(), f.Channels(), true)
	case seed != nil:
		e.seed = *seed
	default:
		return e, problem.Wrong(field, "must be a picture, unless there is %s_seed", field)
	}
	return e, err
}

// draw returns the pixels of the end.
func (e end) draw(ctx context.Context, f *sample.Flow, o sampling.Options) ([]uint8, error) {
	if e.pixels != nil {
		return e.pixels, nil
	}
	drawn, err := f.Sample(ctx, sample.Options{Class: e.class, Seed: e.seed, Sampling: &o})
	if err != nil {
		return nil, err
	}
	if f.Channels() == 4 {
		return drawn[0].Image.Pix, nil
	}
	return sample.ToRGB(drawn[0].Image), nil
}

// uploads decodes the pictures of a request.
func uploads(r *Request, size, channels int) (all []uint8, err error) {
	if len(r.Pictures) == 0 || len(r.Pictures) > maxUploads {
		return nil, problem.Wrong("pictures", "must be from 1 to %d pictures", maxUploads)
	}
	for i, encoded := range r.Pictures {
		pixels, err := upload.Picture(r.pictureField(i), encoded, size, channels, true)
		if err != nil {
			return nil, err
		}
		all = append(all, pixels...)
	}
	return all, nil
}

// reconstruct makes a job that encodes and decodes pictures.
func (d *Desk) reconstruct(b *library.Book, r *Request) (jobs.Task, error) {
	type pipeline interface {
		Size() int
		Channels() int
		Reconstruct(ctx context.Context, pixels []uint8) ([]*image.NRGBA, error)
	}
	var p pipeline
	switch {
	case b.Flow != nil:
		p = b.Flow
	case b.Text != nil:
		p = b.Text
	default:
		return jobs.Task{}, problem.At(http.StatusNotFound, "kind", "run %q has no model that encodes and decodes pictures", b.Name)
	}
	pixels, err := uploads(r, p.Size(), p.Channels())
	if err != nil {
		return jobs.Task{}, err
	}
	return alone(len(r.Pictures), p.Size(), func(ctx context.Context, _ *jobs.Job) (jobs.Result, error) {
		return pictures(p.Reconstruct(ctx, pixels))
	}), nil
}

// Densities are what a job of kind "density" gives.
type Densities struct {
	Classes []string `json:"classes"`
	// LogDensity is ln p(x | class) in nats, up to a term that is the same for all classes, of each picture and class.
	LogDensity [][]float64 `json:"log_density"`
}

// density makes a job that computes the densities of pictures.
func (d *Desk) density(b *library.Book, r *Request) (jobs.Task, error) {
	if b.Flow == nil {
		return jobs.Task{}, noFlow(b)
	}
	g, err := b.Flow.Generator()
	if err != nil {
		return jobs.Task{}, err
	}
	pixels, err := uploads(r, g.Size, g.Channels)
	if err != nil {
		return jobs.Task{}, err
	}
	n := len(r.Pictures)
	return alone(n, g.Size, func(ctx context.Context, _ *jobs.Job) (jobs.Result, error) {
		byClass, err := g.LogDensity(ctx, pixels) // [classes][N]
		if err != nil {
			return jobs.Result{}, err
		}
		all := Densities{Classes: g.Classes, LogDensity: make([][]float64, n)}
		for i := range n {
			for _, own := range byClass {
				all.LogDensity[i] = append(all.LogDensity[i], own[i])
			}
		}
		return jobs.Result{Values: all}, nil
	}), nil
}

// pictures makes the result of a job from images.
func pictures(images []*image.NRGBA, err error) (all jobs.Result, _ error) {
	if err != nil {
		return all, err
	}
	for i, img := range images {
		file, err := EncodePNG(img)
		if err != nil {
			return all, err
		}
		all.Pictures = append(all.Pictures, jobs.Picture{PNG: file, Index: i})
	}
	return all, nil
}
