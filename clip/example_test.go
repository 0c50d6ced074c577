package clip_test

import (
	"fmt"
	"log"

	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/tensor"
)

// CLIP compares captions with pictures.
func Example() {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()

	tower := clip.Tower{Dim: 8, Depth: 1, Heads: 2, DimHead: 4}
	c := clip.Config{TextTokens: 20, TextLen: 6, ImageSize: 16, PatchSize: 8, Channels: 3, Latent: 4, Text: tower, Image: tower}
	m, err := clip.New(d, c, tensor.NewGenerator(1))
	if err != nil {
		log.Fatal(err)
	}
	m.SetTraining(false)
	captions := d.Ints([]int32{3, 1, 4, 0, 0, 0, 5, 9, 2, 6, 0, 0}, 2, 6) // 0 is padding
	pictures := d.Zeros(2, 16, 16, 3)
	fmt.Println(m.EncodeText(captions, nil).Shape(), m.EncodeImages(pictures).Shape())
	fmt.Println(m.Similarity(captions, pictures, nil).Shape())
	fmt.Println(m)
	// Output:
	// [2 4] [2 4]
	// [2]
	// CLIP: captions of 6 tokens (vocabulary 20) and pictures [N, 16, 16, 3] → embeddings [N, 4]
	// layer                                      kind                     weights       parameters
	// temperature                                                         []                     1
	// text.token                                 Embedding(20 × 8)        [20 8]               160
	// text.position                              Embedding(6 × 8)         [6 8]                 48
	// text.transformer.layers.0.attention        LayerScale               [8]                    8
	// text.transformer.layers.0.attention.norm   LayerNorm(8)             [8], [8]              16
	// text.transformer.layers.0.attention.qkv    Linear(8 → 24, no bias)  [8 24]               192
	// text.transformer.layers.0.attention.out    Linear(8 → 8)            [8 8], [8]            72
	// text.transformer.layers.0.ff               LayerScale               [8]                    8
	// text.transformer.layers.0.ff.norm          LayerNorm(8)             [8], [8]              16
	// text.transformer.layers.0.ff.in            Linear(8 → 64)           [8 64], [64]         576
	// text.transformer.layers.0.ff.out           Linear(32 → 8)           [32 8], [8]          264
	// text.latent                                Linear(8 → 4, no bias)   [8 4]                 32
	// image.patch                                Linear(192 → 8)          [192 8], [8]       1,544
	// image.position                             Embedding(4 × 8)         [4 8]                 32
	// image.transformer.layers.0.attention       LayerScale               [8]                    8
	// image.transformer.layers.0.attention.norm  LayerNorm(8)             [8], [8]              16
	// image.transformer.layers.0.attention.qkv   Linear(8 → 24, no bias)  [8 24]               192
	// image.transformer.layers.0.attention.out   Linear(8 → 8)            [8 8], [8]            72
	// image.transformer.layers.0.ff              LayerScale               [8]                    8
	// image.transformer.layers.0.ff.norm         LayerNorm(8)             [8], [8]              16
	// image.transformer.layers.0.ff.in           Linear(8 → 64)           [8 64], [64]         576
	// image.transformer.layers.0.ff.out          Linear(32 → 8)           [32 8], [8]          264
	// image.latent                               Linear(8 → 4, no bias)   [8 4]                 32
	// total                                                                                  4,153
}

// Recall is the share of captions whose picture is among the k most similar ones.
func ExampleRecall() {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()

	pictures := d.From([]float32{1, 0, 0, 1}, 2, 2)           // embeddings [M, Latent]
	captions := d.From([]float32{1, 0, 0.6, 0.8, 1, 0}, 3, 2) // embeddings [N, Latent]
	better := clip.Retrieve(captions, pictures, []int{0, 1, 1})
	fmt.Println(better, clip.Recall(better, 2))
	// Output:
	// [0 0 1] 1
}
