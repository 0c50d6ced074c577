package train_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
)

// A loop by hand: fit y = 2x + 1 with AdamW, a schedule and gradient clipping.
func ExampleAdam() {
	device, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
	if err != nil {
		log.Fatal(err)
	}
	model := nn.NewLinear(device, 1, 1, true, tensor.NewGenerator(1))
	adam := train.NewAdam(model, train.DefaultAdamW(0))
	const steps = 300
	rate := train.Warmup(20, train.Cosine(steps-20, 0))

	step := func(n int) {
		s := device.Record()
		defer s.End()
		x := device.From([]float32{0, 1, 2, 3}, 4, 1) // [4, 1]
		loss := model.Forward(x).MSELoss(x.Scale(2).AddScalar(1))
		loss.Backward()
		adam.Step(0.1*rate(n), train.ClipScale(adam.GradNorm(), 1))
		adam.ZeroGrad()
	}
	for n := 1; n <= steps; n++ {
		step(n)
	}
	fmt.Printf("f(10) = %.1f after %d steps\n", model.Forward(device.From([]float32{10}, 1, 1)).Values()[0], adam.Steps())
	// Output: f(10) = 21.0 after 300 steps
}

// A training in a run folder, with checkpoints and metrics, which continues for longer afterwards.
func ExampleRun() {
	dir, err := os.MkdirTemp("", "run")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	device, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
	if err != nil {
		log.Fatal(err)
	}
	training := func() train.Task[train.RowBatch] {
		source, err := train.NewRows([]float32{0, 1, 2, 3}, 1, nil, 2, false, 1)
		if err != nil {
			log.Fatal(err)
		}
		model := nn.NewLinear(device, 1, 1, true, tensor.NewGenerator(1))
		return train.Task[train.RowBatch]{
			Model: "line", Module: model, Source: source, Unit: "rows",
			Loss: func(batch train.RowBatch) (*tensor.Tensor, *train.Figures) {
				x := batch.Tensor(device) // [2, 1]
				return model.Forward(x).MSELoss(x.Scale(2).AddScalar(1)), nil
			},
		}
	}
	c := train.DefaultConfig()
	c.Steps, c.Batch, c.LearningRate = 200, 2, 0.05
	first, err := train.Run(context.Background(), dir, training(), c, train.Options{})
	if err != nil {
		log.Fatal(err)
	}
	c.Steps = 400
	second, err := train.Run(context.Background(), dir, training(), c, train.Options{Resume: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(first.Step, second.Step, second.Loss < first.Loss)
	// Output: 200 400 true
}
