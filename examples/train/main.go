// Command train shows how a model of your own is trained: a small convolutional network learns to tell drawn cats from
// drawn dogs. The run folder gets its weights, metrics and plots; Ctrl-C saves and stops, and -resume goes on.
//
//	go run ./examples/train -out runs/judge
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/source"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
)

func main() {
	log.SetFlags(0)
	out := flag.String("out", "runs/judge", "run folder")
	resume := flag.Bool("resume", false, "go on with the run's checkpoint")
	flag.Parse()
	ctx, stop := train.UntilSignal(context.Background())
	defer stop()
	accuracy, err := learn(ctx, *out, 300, train.Options{Resume: *resume, Progress: os.Stderr})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.1f %% of the held-out animals are told right\n", 100*accuracy)
}

const size = 32 // of the pictures

// judge is the network: four halvings, and a linear layer from what is left, 2×2 pixels, to a score a class.
func judge(d *tensor.Device, g *tensor.Generator) nn.Layer {
	s := nn.NewSequential()
	channels := 3
	for i, next := range []int{8, 16, 32, 32} {
		s.Add(fmt.Sprintf("conv%d", i), nn.NewConv2d(d, channels, next, 4, true, tensor.Square(2, 1), g))
		s.Add(fmt.Sprintf("relu%d", i), nn.ReLU)
		channels = next
	}
	s.Add("flat", nn.Pointwise{Func: func(x *tensor.Tensor) *tensor.Tensor { return x.Reshape(x.Dim(0), -1) }})
	s.Add("scores", nn.NewLinear(d, channels*2*2, 2, true, g))
	return s
}

// learn trains the network in a run folder and returns the share of new animals that it tells right.
func learn(ctx context.Context, dir string, steps int, o train.Options) (accuracy float64, err error) {
	d, err := tensor.OpenDevice("auto", tensor.DeviceOptions{})
	if err != nil {
		return 0, err
	}
	defer d.Close()
	animals := source.DrawnPets(1, 1000) // or a folder with a sub-folder of pictures a class
	training, err := source.Open(animals, data.Options{Size: size, Split: data.Trainval})
	if err != nil {
		return 0, err
	}
	heldOut, err := source.Open(animals, data.Options{Size: size, Split: data.Test})
	if err != nil {
		return 0, err
	}

	c := train.DefaultConfig()
	c.Steps, c.LearningRate, c.Schedule, c.EvalEvery, c.SampleEvery, c.CheckpointEvery = steps, 2e-3, "cosine", 50, 0, 100
	source, err := train.NewPictures(training, data.LoaderOptions{Batch: c.Batch, Seed: c.Seed, Shuffle: true, Augment: data.Augment{Flip: true}})
	if err != nil {
		return 0, err
	}
	defer source.Close()

	model := judge(d, tensor.NewGenerator(c.Seed))
	scores := func(pixels []float32) *tensor.Tensor {
		return model.Forward(d.From(pixels, len(pixels)/(size*size*3), size, size, 3))
	}
	labels := func(classes []int) *tensor.Tensor {
		ids := make([]int32, len(classes))
		for i, c := range classes {
			ids[i] = int32(c)
		}
		return d.Ints(ids)
	}
	task := train.Task{
		Model: "judge", Module: model, Source: source,
		Loss: func() (*tensor.Tensor, *train.Figures) {
			return scores(source.Pixels).CrossEntropy(labels(source.Labels)).Mean(), nil
		},
		Evaluate: func() (train.Metrics, error) {
			s := d.Scratch()
			defer s.End()
			pixels := make([]float32, len(heldOut.Pixels))
			data.Scale(pixels, heldOut.Pixels)
			found := scores(pixels)
			right := 0
			for i, class := range found.ArgMax().IntValues() {
				if int(class) == heldOut.Label(i) {
					right++
				}
			}
			accuracy = float64(right) / float64(heldOut.Len())
			return train.Metrics{"loss": found.CrossEntropy(labels(heldOut.Labels)).Mean().Item(), "accuracy": accuracy}, nil
		},
	}
	_, err = train.Run(ctx, dir, task, c, o)
	return accuracy, err
}
