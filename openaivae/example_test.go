package openaivae_test

import (
	"fmt"
	"log"

	"github.com/bestiary-ml/bestiary/openaivae"
	"github.com/bestiary-ml/bestiary/tensor"
)

// OpenAI's discrete VAE encodes pictures as grids of codes.
func Example() {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()

	c := openaivae.Config{ImageSize: 32, Codes: 16, Hidden: 4, Init: 8, Blocks: 1}
	v, err := openaivae.New(d, c, tensor.NewGenerator(1))
	if err != nil {
		log.Fatal(err)
	}
	codes := v.Codes(d.Zeros(2, 32, 32, 3))
	fmt.Println(codes.Shape(), v.DecodeCodes(codes).Shape())
	// Output:
	// [2 16] [2 32 32 3]
}
