package dalle_test

import (
	"context"
	"fmt"
	"log"

	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/tensor"
)

// DALL-E continues a caption with the codes of a picture.
func Example() {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()

	m, err := dalle.New(d, dalle.Config{
		TextTokens: 20, TextLen: 4, ImageCodes: 16, Height: 3, Width: 3, ImageLossWeight: 7,
		Transformer: transformer.Config{Dim: 8, Depth: 1, Heads: 2, DimHead: 6, FFMult: 2, Rotary: true, ShiftTokens: true},
	}, tensor.NewGenerator(1))
	if err != nil {
		log.Fatal(err)
	}
	m.SetTraining(false)
	options := sampling.Default()
	options.TopK = 8
	pictures := []dalle.Picture{{Text: []int32{3, 1, 4}, Random: tensor.NewGenerator(2)}}
	codes, err := m.Generate(context.Background(), pictures, options, func(rows int, _ [][]int32) {
		fmt.Println(rows, "rows of codes")
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(codes), "picture of", len(codes[0]), "codes")
	fmt.Println(m)
	// Output:
	// 1 rows of codes
	// 2 rows of codes
	// 3 rows of codes
	// 1 picture of 9 codes
	// DALLE: captions of 4 tokens (vocabulary 20) → pictures of 3×3 codes (codebook 16)
	// layer                                kind                     weights       parameters
	// text_embedding                       Embedding(24 × 8)        [24 8]               192
	// image_embedding                      Embedding(16 × 8)        [16 8]               128
	// transformer.layers.0.attention       LayerScale               [8]                    8
	// transformer.layers.0.attention.norm  LayerNorm(8)             [8], [8]              16
	// transformer.layers.0.attention.qkv   Linear(8 → 36, no bias)  [8 36]               288
	// transformer.layers.0.attention.out   Linear(12 → 8)           [12 8], [8]          104
	// transformer.layers.0.ff              LayerScale               [8]                    8
	// transformer.layers.0.ff.norm         LayerNorm(8)             [8], [8]              16
	// transformer.layers.0.ff.in           Linear(8 → 32)           [8 32], [32]         288
	// transformer.layers.0.ff.out          Linear(16 → 8)           [16 8], [8]          136
	// norm                                 LayerNorm(8)             [8], [8]              16
	// text_head                            Linear(8 → 24)           [24 8], [24]         216
	// image_head                           Linear(8 → 16)           [16 8], [16]         144
	// total                                                                            1,560
}
