package tarflow_test

import (
	"fmt"
	"log"

	"github.com/bestiary-ml/bestiary/tarflow"
	"github.com/bestiary-ml/bestiary/tensor"
)

// A flow over latent maps of two classes: density and samples.
func Example() {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	c := tarflow.DefaultConfig(2)
	c.Height, c.Width, c.Channels, c.Dim, c.Blocks = 4, 4, 3, 64, []int{2, 1}
	g := tensor.NewGenerator(1)
	flow, err := tarflow.New(d, c, g)
	if err != nil {
		log.Fatal(err)
	}
	flow.SetTraining(false) // a training comes before, see train/tasks

	step := d.Scratch()
	defer step.End()
	dog := d.From([]float32{0, 1}, 1, c.Classes) // one-hot
	noise := g.Normal(d, 1, c.Tokens(), c.TokenDim())
	x, _ := flow.Inverse(noise, dog, tarflow.Inversion{Guidance: 1.5}) // [1, 4, 4, 3]
	fmt.Println(x.Shape(), flow.LogProb(x, dog).Shape())
	// Output:
	// [1 4 4 3] [1]
}
