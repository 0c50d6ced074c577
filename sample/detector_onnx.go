package sample

import (
	"context"
	"fmt"
	"sync"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/internal/onnxruntime"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/ssd"
	"github.com/bestiary-ml/bestiary/tensor"
)

// ONNX says how ONNX Runtime computes a model.
type ONNX struct {
	File    string // the model, as "bestiary export --format onnx" writes it
	Library string // the shared library of ONNX Runtime, or a folder with it; "": BESTIARY_ONNXRUNTIME names it, or it is at the loader's path
	Threads int    // 0: one for each core
}

// OpenDetectorONNX is [OpenDetector] for a detector that ONNX Runtime computes: the network comes from an ONNX file of the run's detector,
// and all else from the run. Nothing is computed on device d, which only keeps calls apart; any will do. Close the detector at the end. It
// is an error if the library or the file is not there, or if the file is not of this run.
func OpenDetectorONNX(ctx context.Context, dir string, o ONNX, d *tensor.Device) (*Detector, error) {
	return open(ctx, dir, d, func(_ context.Context, r *run.Run, d *tensor.Device) (*Detector, error) {
		s, err := onnxruntime.Open(o.Library, o.File, o.Threads)
		if err != nil {
			return nil, err
		}
		p, err := detectorOf(r, dir, func(kind string, o DetectorOptions) (*Detector, error) {
			if kind != models.MaskRCNN.Name {
				c, err := graphConfig[ssd.Config](r, models.SSD.Name)
				if err != nil {
					return nil, err
				}
				return newDetector(d, o, &boxesGraph{c, s}, c.ImageSize, c.Classes)
			}
			c, err := graphConfig[maskrcnn.Config](r, kind)
			if err != nil {
				return nil, err
			}
			p, err := newDetector(d, o, &masksGraph{c, s}, c.MinSide, c.Classes)
			if err == nil {
				p.masks = true
			}
			return p, err
		})
		if err != nil {
			s.Close()
			return nil, err
		}
		p.session = s
		return p, nil
	})
}

// graphConfig returns the configuration of a run's model whose weights are not loaded, which would check it.
func graphConfig[C interface{ Validate() error }](r *run.Run, kind string) (c C, err error) {
	if err := r.Config(kind, &c); err != nil {
		return c, err
	}
	if err := c.Validate(); err != nil {
		return c, damaged(r, "models.%s: %v", kind, err)
	}
	return c, nil
}

// Close gives the memory of a detector of [OpenDetectorONNX] back, which must not be used afterwards. Others have nothing to give back.
func (p *Detector) Close() {
	if p != nil && p.session != nil {
		p.session.Close()
	}
}

// boxesGraph is an SSD that ONNX Runtime computes.
type boxesGraph struct {
	config  ssd.Config
	session *onnxruntime.Session
}

func (g *boxesGraph) together() int { return squashedTogether }

func (g *boxesGraph) pixels() int { return g.config.ImageSize * g.config.ImageSize }

func (g *boxesGraph) show(_ *tensor.Device, pictures []*boxes.Image) (func() ([][]maskrcnn.Found, error), error) {
	values := squashed(pictures, g.config.ImageSize)
	return func() ([][]maskrcnn.Found, error) {
		n, size, columns := len(pictures), int64(g.config.ImageSize), g.config.Classes+1
		out, err := g.session.Run(map[string]onnxruntime.Array{"images": {Shape: []int64{int64(n), size, size, 3}, Floats: values}}, "scores", "boxes")
		if err != nil {
			return nil, err
		}
		scores, corners := out[0].Floats, out[1].Floats // [N, P, columns] and [N, P, 4]
		priors := len(corners) / (4 * n)
		if priors == 0 || len(corners) != n*priors*4 || len(scores) != n*priors*columns {
			return nil, errOtherModel(out)
		}
		found := make([][]detect.Detection, n)
		for i := range pictures {
			own := detect.FromValues(corners[i*priors*4 : (i+1)*priors*4])
			found[i] = g.config.Choose(scores[i*priors*columns:(i+1)*priors*columns], priors, func(p int) detect.Box { return own[p].Scale(float64(size), float64(size)) })
		}
		return unsquashed(found, pictures), nil
	}, nil
}

// errOtherModel is the error for outputs that don't fit the run.
func errOtherModel(out []onnxruntime.Array) error {
	var shapes [][]int64
	for _, a := range out {
		shapes = append(shapes, a.Shape)
	}
	return fmt.Errorf("the ONNX file is not of this run's detector, as its outputs of shapes %v don't fit; export the run again", shapes)
}

// masksGraph is a Mask R-CNN that ONNX Runtime computes. The graph pads the picture.
type masksGraph struct {
	config  maskrcnn.Config
	session *onnxruntime.Session
}

func (g *masksGraph) together() int { return 1 }

func (g *masksGraph) pixels() int { return resizedPixels(g.config) }

func (g *masksGraph) show(_ *tensor.Device, pictures []*boxes.Image) (func() ([][]maskrcnn.Found, error), error) {
	values, sizes := make([][]float32, len(pictures)), make([]maskrcnn.Size, len(pictures))
	var wait sync.WaitGroup
	for i, m := range pictures {
		sizes[i] = g.config.Resized(m.Width, m.Height)
		values[i] = make([]float32, sizes[i].Height*sizes[i].Width*3)
		wait.Go(func() { boxes.Whole(m.Width, m.Height).Show(values[i], m, sizes[i].Width, sizes[i].Height) })
	}
	wait.Wait()
	return func() ([][]maskrcnn.Found, error) {
		all := make([][]maskrcnn.Found, len(pictures))
		for i, m := range pictures {
			var err error
			if all[i], err = g.find(values[i], sizes[i]); err != nil {
				return nil, err
			}
			placed(all[i], sizes[i], m)
		}
		return all, nil
	}, nil
}

// find returns the objects in a picture of that size.
func (g *masksGraph) find(values []float32, size maskrcnn.Size) ([]maskrcnn.Found, error) {
	picture := onnxruntime.Array{Shape: []int64{1, int64(size.Height), int64(size.Width), 3}, Floats: values}
	out, err := g.session.Run(map[string]onnxruntime.Array{"images": picture}, "boxes", "labels", "scores", "masks")
	if err != nil {
		return nil, err
	}
	corners, labels, scores, pixels := detect.FromValues(out[0].Floats), out[1].Ints, out[2].Floats, out[3].Floats
	n, own := len(labels), 4*g.config.MaskSize*g.config.MaskSize
	if len(corners) != n || len(scores) != n || len(pixels) != n*own {
		return nil, errOtherModel(out)
	}
	found := make([]maskrcnn.Found, n)
	for i := range found {
		if labels[i] < 1 || labels[i] > int64(g.config.Classes) {
			return nil, fmt.Errorf("the ONNX file is not of this run's detector, as it finds class %d of %d; export the run again", labels[i], g.config.Classes)
		}
		found[i].Detection = detect.Detection{Class: int(labels[i]) - 1, Box: corners[i], Score: float64(scores[i])}
		found[i].Probabilities = pixels[i*own : (i+1)*own]
	}
	return found, nil
}
