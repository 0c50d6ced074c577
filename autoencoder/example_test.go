package autoencoder_test

import (
	"fmt"
	"log"

	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/tensor"
)

// An autoencoder maps pictures to embeddings and back.
func Example() {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()

	c := autoencoder.Config{ImageSize: 32, Channels: []int{3, 4, 4, 8, 8, 8}, Hidden: 16, Embedding: 5}
	a, err := autoencoder.New(d, c, tensor.NewGenerator(1))
	if err != nil {
		log.Fatal(err)
	}
	a.SetTraining(false)
	pictures := d.Zeros(2, 32, 32, 3)
	z := a.Encode(pictures)
	fmt.Println(z.Shape(), a.Decode(z).Shape())
	fmt.Println(a)
	// Output:
	// [2 5] [2 32 32 3]
	// Autoencoder: pictures [N, 32, 32, 3] ↔ embeddings [N, 5]
	// layer        kind                                            weights         parameters
	// encoder.0    Conv2d(3 → 4, 4×4, stride 2, no bias)           [4 4 3 4]              192
	// encoder.1    BatchNorm(4, LeakyReLU(0.2))                    [4], [4]                 8
	// encoder.3    Conv2d(4 → 4, 4×4, stride 2, no bias)           [4 4 4 4]              256
	// encoder.4    BatchNorm(4, LeakyReLU(0.2))                    [4], [4]                 8
	// encoder.6    Conv2d(4 → 8, 4×4, stride 2, no bias)           [4 4 4 8]              512
	// encoder.7    BatchNorm(8, LeakyReLU(0.2))                    [8], [8]                16
	// encoder.9    Conv2d(8 → 8, 4×4, stride 2, no bias)           [4 4 8 8]            1,024
	// encoder.10   BatchNorm(8, LeakyReLU(0.2))                    [8], [8]                16
	// encoder.12   Conv2d(8 → 8, 4×4, stride 2, no bias)           [4 4 8 8]            1,024
	// encoder.13   BatchNorm(8, LeakyReLU(0.2))                    [8], [8]                16
	// decoder.0    ConvTranspose2d(8 → 8, 4×4, stride 2, no bias)  [4 4 8 8]            1,024
	// decoder.1    BatchNorm(8, ReLU)                              [8], [8]                16
	// decoder.3    ConvTranspose2d(8 → 8, 4×4, stride 2, no bias)  [4 4 8 8]            1,024
	// decoder.4    BatchNorm(8, ReLU)                              [8], [8]                16
	// decoder.6    ConvTranspose2d(8 → 4, 4×4, stride 2, no bias)  [4 4 4 8]              512
	// decoder.7    BatchNorm(4, ReLU)                              [4], [4]                 8
	// decoder.9    ConvTranspose2d(4 → 4, 4×4, stride 2, no bias)  [4 4 4 4]              256
	// decoder.10   BatchNorm(4, ReLU)                              [4], [4]                 8
	// decoder.12   ConvTranspose2d(4 → 3, 4×4, stride 2, Tanh)     [4 4 3 4], [3]         195
	// fc_encode.0  Linear(8 → 16)                                  [8 16], [16]           144
	// fc_encode.1  BatchNorm(16, LeakyReLU(0.2))                   [16], [16]              32
	// fc_encode.4  Linear(16 → 5)                                  [16 5], [5]             85
	// fc_decode.0  Linear(5 → 16)                                  [5 16], [16]            96
	// fc_decode.1  BatchNorm(16, ReLU)                             [16], [16]              32
	// fc_decode.4  Linear(16 → 8)                                  [16 8], [8]            136
	// fc_decode.5  BatchNorm(8, ReLU)                              [8], [8]                16
	// total                                                                             6,672
	// and 204 values in buffers, which are not trained
}
