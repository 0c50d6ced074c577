package dvae_test

import (
	"fmt"
	"log"

	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/tensor"
)

// A discrete VAE encodes pictures as grids of codes.
func Example() {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()

	c := dvae.Config{ImageSize: 16, Codes: 32, CodebookDim: 8, Layers: 2, ResnetBlocks: 1, Hidden: 8, Channels: 3, Temperature: 1}
	v, err := dvae.New(d, c, tensor.NewGenerator(1))
	if err != nil {
		log.Fatal(err)
	}
	pictures := d.Zeros(2, 16, 16, 3)
	codes := v.Codes(pictures)
	fmt.Println(codes.Shape(), v.DecodeCodes(codes).Shape())
	fmt.Println(v)
	// Output:
	// [2 16] [2 16 16 3]
	// VAE: pictures [N, 16, 16, 3] ↔ 4×4 codes (codebook 32)
	// layer            kind                                         weights           parameters
	// codebook         Embedding(32 × 8)                            [32 8]                   256
	// encoder.0.0      Conv2d(3 → 8, 4×4, stride 2, ReLU)           [4 4 3 8], [8]           392
	// encoder.1.0      Conv2d(8 → 8, 4×4, stride 2, ReLU)           [4 4 8 8], [8]         1,032
	// encoder.2.net.0  Conv2d(8 → 8, 3×3, ReLU)                     [3 3 8 8], [8]           584
	// encoder.2.net.2  Conv2d(8 → 8, 3×3, ReLU)                     [3 3 8 8], [8]           584
	// encoder.2.net.4  Conv2d(8 → 8, 1×1)                           [1 1 8 8], [8]            72
	// encoder.3        Conv2d(8 → 32, 1×1)                          [1 1 8 32], [32]         288
	// decoder.0        Conv2d(8 → 8, 1×1)                           [1 1 8 8], [8]            72
	// decoder.1.net.0  Conv2d(8 → 8, 3×3, ReLU)                     [3 3 8 8], [8]           584
	// decoder.1.net.2  Conv2d(8 → 8, 3×3, ReLU)                     [3 3 8 8], [8]           584
	// decoder.1.net.4  Conv2d(8 → 8, 1×1)                           [1 1 8 8], [8]            72
	// decoder.2.0      ConvTranspose2d(8 → 8, 4×4, stride 2, ReLU)  [4 4 8 8], [8]         1,032
	// decoder.3.0      ConvTranspose2d(8 → 8, 4×4, stride 2, ReLU)  [4 4 8 8], [8]         1,032
	// decoder.4        Conv2d(8 → 3, 1×1)                           [1 1 8 3], [3]            27
	// total                                                                                6,611
}
