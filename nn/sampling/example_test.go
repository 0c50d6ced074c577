package sampling_test

import (
	"fmt"
	"log"

	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/tensor"
)

// A sampler works with the logits of any token model.
func Example() {
	o := sampling.Default()
	o.TopK, o.TopP = 3, 0.9
	if err := o.Validate(); err != nil {
		log.Fatal(err)
	}
	sampler, g := sampling.New(o), tensor.NewGenerator(1)
	logits := []float32{0.5, 3, 2.5, -1, 2}
	for range 5 {
		token, err := sampler.Sample(logits, g)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Print(token, " ")
	}
	// Output:
	// 1 1 2 2 1
}

// Classifier-free guidance moves logits away from those without the caption.
func ExampleOptions_Guide() {
	o := sampling.Default()
	o.Guidance = 3
	logits, null := []float32{1, 2}, []float32{1, 1}
	o.Guide(logits, null)
	fmt.Println(logits)
	// Output: [1 4]
}
