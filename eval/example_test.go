package eval_test

import (
	"context"
	"fmt"
	"log"

	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Measures a flow pipeline on held-out pictures, and looks for copies of the training pictures.
func ExampleEvaluateFlow() {
	device, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer device.Close()
	encoder, flow := toy.Flow(device) // untrained
	pets, err := sample.NewFlow(device, toy.PetData(), sample.FlowModels{Autoencoder: encoder, Flow: flow})
	if err != nil {
		log.Fatal(err)
	}
	all := toy.Pets(60)
	training := all.Where(func(i int) bool { return i < 40 })
	heldOut := all.Where(func(i int) bool { return i >= 40 })
	report, err := eval.EvaluateFlow(context.Background(), pets, heldOut, training, 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("pictures:", report.Pictures)
	fmt.Println("classes with pictures:", len(report.Flow.NLLByClass))
	fmt.Printf("always the most frequent class: %.2f\n", report.Flow.MajorityRate)
	fmt.Println("samples:", report.Flow.Nearest.Samples)
	// Output:
	// pictures: 20
	// classes with pictures: 2
	// always the most frequent class: 0.50
	// samples: 40
}

// The peak signal-to-noise ratio of an error of a hundredth of the range.
func ExamplePSNR() {
	const difference = 0.02 // of values in [−1, 1]
	fmt.Printf("%.0f dB\n", eval.PSNR(difference*difference))
	// Output:
	// 40 dB
}
