// Command train shows how a model of your own is trained on batches of your own: a small convolutional network learns to
// tell discs from squares. The run folder gets its weights, metrics and plots; Ctrl-C saves and stops, and -resume
// continues.
//
//	go run ./examples/train -out runs/judge
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math"
	"os"

	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
)

func main() {
	log.SetFlags(0)
	out := flag.String("out", "runs/judge", "run folder")
	resume := flag.Bool("resume", false, "continue from the run's checkpoint")
	flag.Parse()
	ctx, stop := train.UntilSignal(context.Background())
	defer stop()
	accuracy, err := learn(ctx, *out, 300, train.Options{Resume: *resume, Progress: os.Stderr})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.1f %% of new shapes are classified correctly\n", 100*accuracy)
}

// shapes is the batch: N grey pictures and what they show.
type shapes struct {
	pixels  []float32 // [N, size, size, 1] in [−1, 1]
	classes []int32   // [N] 0: disc, 1: square
}

// Len implements train.Batch.
func (s shapes) Len() int { return len(s.classes) }

const size = 32 // of the pictures

// drawer is the source: it draws each batch anew. Batch i depends on the seed and i alone, so its position is i.
type drawer struct {
	seed  uint64
	batch int // pictures in a batch
	next  int // number of the next batch
}

// Next implements train.Source.
func (d *drawer) Next() (shapes, error) {
	g := tensor.NewGenerator(d.seed).Fork(fmt.Sprint(d.next))
	d.next++
	var s shapes
	for range d.batch {
		class := g.Intn(2)
		x, y, r := 12+g.Intn(size-24), 12+g.Intn(size-24), float64(8+g.Intn(4))
		for i := range size * size {
			dx, dy := math.Abs(float64(i%size-x)), math.Abs(float64(i/size-y))
			inside := class == 0 && math.Hypot(dx, dy) <= r || class == 1 && max(dx, dy) <= r*0.886 // of the same area
			v := float32(g.Intn(1000))/2000 - 1                                                     // noise in [−1, −0.5)
			if inside {
				v++
			}
			s.pixels = append(s.pixels, v)
		}
		s.classes = append(s.classes, int32(class))
	}
	return s, nil
}

// Batches implements train.Source: an epoch is a hundred batches.
func (d *drawer) Batches() int { return 100 }

// State implements train.Source.
func (d *drawer) State() (json.RawMessage, error) { return json.Marshal(d.next) }

// SetState implements train.Source.
func (d *drawer) SetState(state json.RawMessage) error { return json.Unmarshal(state, &d.next) }

// config is the configuration of the network; the run folder keeps it.
type config struct {
	Channels []int `json:"channels"` // of each stride-2 convolution
}

// judge is the kind of model that this program registers, so that it can be opened from a run folder.
var judge = models.Register(models.Kind[config, *nn.Sequential]{Info: models.Info{Name: "judge", Title: "judge of shapes"}, New: newJudge})

// newJudge returns stride-2 convolutions and a linear layer from what they leave to a score for each class.
func newJudge(d *tensor.Device, c config, g *tensor.Generator) (*nn.Sequential, error) {
	if len(c.Channels) == 0 || len(c.Channels) > 5 {
		return nil, fmt.Errorf("%d convolutions are not possible; use 1 to 5", len(c.Channels))
	}
	s := nn.NewSequential()
	side, channels := size, 1
	for i, next := range c.Channels {
		s.Add(fmt.Sprintf("conv%d", i), nn.NewConv2d(d, channels, next, 4, true, tensor.StridePad(2, 1), g))
		s.Add(fmt.Sprintf("relu%d", i), nn.ReLU)
		side, channels = side/2, next // [N, side, side, channels]
	}
	s.Add("flat", nn.Pointwise{Func: func(x *tensor.Tensor) *tensor.Tensor { return x.Reshape(x.Dim(0), -1) }}) // [N, side·side·channels]
	s.Add("scores", nn.NewLinear(d, side*side*channels, 2, true, g))                                            // [N, 2]
	return s, nil
}

// learn trains the network in a run folder and returns the accuracy on new shapes.
func learn(ctx context.Context, dir string, steps int, o train.Options) (accuracy float64, err error) {
	d, err := tensor.OpenDevice("auto", tensor.DeviceOptions{})
	if err != nil {
		return 0, err
	}
	defer d.Close()
	c := train.DefaultConfig()
	c.Steps, c.LearningRate, c.Schedule, c.EvalEvery, c.CheckpointEvery = steps, 2e-3, "cosine", 50, 100

	settings := config{Channels: []int{8, 16, 32, 32}}
	net, err := newJudge(d, settings, tensor.NewGenerator(c.Seed))
	if err != nil {
		return 0, err
	}
	heldOut, err := (&drawer{seed: c.Seed + 1, batch: 200}).Next()
	if err != nil {
		return 0, err
	}
	scores := func(s shapes) *tensor.Tensor { return net.Forward(d.From(s.pixels, s.Len(), size, size, 1)) } // [N, 2]
	task := train.Task[shapes]{
		Model: judge.Name, Module: net, Settings: settings, Unit: "shapes",
		Source: &drawer{seed: c.Seed, batch: c.Batch},
		Loss: func(batch shapes) (*tensor.Tensor, *train.Figures) {
			return scores(batch).CrossEntropy(d.Ints(batch.classes)).Mean(), nil
		},
		Evaluate: func() (train.Metrics, error) {
			s := d.Scratch()
			defer s.End()
			found, right := scores(heldOut), 0
			for i, class := range found.ArgMax().IntValues() {
				if class == heldOut.classes[i] {
					right++
				}
			}
			accuracy = float64(right) / float64(heldOut.Len())
			return train.Metrics{"loss": found.CrossEntropy(d.Ints(heldOut.classes)).Mean().Item(), "accuracy": accuracy}, nil
		},
	}
	_, err = train.Run(ctx, dir, task, c, o)
	return accuracy, err
}
