package transformer_test

import (
	"fmt"
	"log"

	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/tensor"
)

// A causal transformer maps whole sequences, or the next positions with a KV cache.
func Example() {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()

	m, err := transformer.New(d, transformer.Config{
		Dim: 8, Depth: 1, Heads: 2, DimHead: 4, FFMult: 2,
		Geometry: transformer.Geometry{Text: 10}, Causal: true,
	}, tensor.NewGenerator(1))
	if err != nil {
		log.Fatal(err)
	}
	m.SetTraining(false)
	x := tensor.NewGenerator(2).Normal(d, 1, 10, 8)
	fmt.Println(m.Forward(x, nil, nil).Shape()) // whole sequences

	cache := m.NewCache(1)
	m.Forward(x.Slice(1, 0, 9), nil, cache)                       // prefill
	fmt.Println(m.Forward(x.Slice(1, 9, 10), nil, cache).Shape()) // the next position
	fmt.Println(m)
	// Output:
	// [1 10 8]
	// [1 1 8]
	// layer                    kind                     weights       parameters
	// layers.0.attention       LayerScale               [8]                    8
	// layers.0.attention.norm  LayerNorm(8)             [8], [8]              16
	// layers.0.attention.qkv   Linear(8 → 24, no bias)  [8 24]               192
	// layers.0.attention.out   Linear(8 → 8)            [8 8], [8]            72
	// layers.0.ff              LayerScale               [8]                    8
	// layers.0.ff.norm         LayerNorm(8)             [8], [8]              16
	// layers.0.ff.in           Linear(8 → 32)           [8 32], [32]         288
	// layers.0.ff.out          Linear(16 → 8)           [16 8], [8]          136
	// total                                                                  736
}
