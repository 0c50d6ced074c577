package work

import (
	"cmp"
	"context"
	"image"
	"math"
	"net/http"
	"slices"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/source"
	"github.com/bestiary-ml/bestiary/internal/studio/jobs"
	"github.com/bestiary-ml/bestiary/internal/studio/library"
	"github.com/bestiary-ml/bestiary/internal/studio/problem"
	"github.com/bestiary-ml/bestiary/sample"
)

// Nearest is what a job of kind "nearest" tells about each of its pictures.
type Nearest struct {
	// RMSE is the root of the mean squared difference of pixels, from 0 to 255, of each training picture.
	RMSE []float64 `json:"rmse"`
}

// neighbours is the number of training pictures that are shown.
const neighbours = 3

// maxTraining bounds the training pictures that are compared, in bytes of pixels.
const maxTraining = 1 << 30

// nearest makes a job that finds the training pictures that are nearest to a picture, by its pixels.
func (d *Desk) nearest(b *library.Book, r *Request) (jobs.Task, error) {
	var about data.Description
	var channels int
	switch {
	case b.Flow != nil:
		about, channels = b.Flow.Dataset(), b.Flow.Channels()
	case b.Text != nil:
		about, channels = b.Text.Dataset(), b.Text.Channels()
	default:
		return jobs.Task{}, problem.At(http.StatusNotFound, "kind", "run %q has no model that draws pictures", b.Name)
	}
	if about.Path == "" || about.Size == 0 {
		return jobs.Task{}, problem.New(http.StatusNotFound, "run %q doesn't know its training pictures", b.Name)
	}
	bytes := about.Pictures * about.Size * about.Size * channels
	if bytes > maxTraining {
		return jobs.Task{}, problem.New(http.StatusConflict, "run %q has too many training pictures to compare with", b.Name)
	}
	if len(r.Pictures) != 1 {
		return jobs.Task{}, problem.Wrong("pictures", "must be one picture")
	}
	pixels, err := uploads(r, about.Size, channels)
	if err != nil {
		return jobs.Task{}, err
	}
	task := alone(1, about.Size, func(ctx context.Context, _ *jobs.Job) (jobs.Result, error) {
		set, err := d.training(ctx, about)
		if err != nil {
			return jobs.Result{}, problem.New(http.StatusConflict, "the training pictures can't be read: %s", problem.Hide(err.Error()))
		}
		return closest(ctx, set, pixels)
	})
	task.Bytes += 2 * bytes
	return task, nil
}

// subjects opens the detector of a run, or returns nil for none.
func (d *Desk) subjects(ctx context.Context, run string) (data.Subjects, error) {
	if run == "" {
		return nil, nil
	}
	detector, err := d.Library.OpenDetector(ctx, run)
	if err != nil {
		return nil, err
	}
	return detector.Subjects(), nil
}

// training opens the training pictures of a run. If a detector or a segmenter has cut them out, it does so again.
func (d *Desk) training(ctx context.Context, about data.Description) (*data.Dataset, error) {
	o := data.Options{Context: ctx}
	var err error
	if o.Subjects, err = d.subjects(ctx, data.Resize(about.Resize).Run()); err != nil {
		return nil, err
	}
	if o.Segmenter, err = d.subjects(ctx, data.Cutout(about.Cutout).Run()); err != nil {
		return nil, err
	}
	return source.OpenDescription(about, o)
}

// closest returns the pictures of a dataset that are nearest to pixels.
func closest(ctx context.Context, set *data.Dataset, pixels []uint8) (jobs.Result, error) {
	type neighbour struct {
		index, sum int
	}
	var all []neighbour
	for i := range set.Len() {
		if i%256 == 0 && ctx.Err() != nil {
			return jobs.Result{}, ctx.Err()
		}
		own := set.Image(i)
		if len(own) != len(pixels) {
			return jobs.Result{}, problem.New(http.StatusConflict, "the training pictures have another size than the model's")
		}
		sum := 0
		for k, v := range own {
			d := int(v) - int(pixels[k])
			sum += d * d
		}
		all = append(all, neighbour{i, sum})
	}
	slices.SortFunc(all, func(a, b neighbour) int { return cmp.Compare(a.sum, b.sum) })
	var images []*image.NRGBA
	var figures Nearest
	for _, n := range all[:min(neighbours, len(all))] {
		images = append(images, sample.Split(set.Image(n.index), set.Size, max(3, set.Channels))...)
		figures.RMSE = append(figures.RMSE, rms(n.sum, len(pixels)))
	}
	result, err := pictures(images, nil)
	result.Values = figures
	return result, err
}

// rms is the root of the mean of n squares with a sum.
func rms(sum, n int) float64 { return math.Sqrt(float64(sum) / float64(n)) }
