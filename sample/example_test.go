package sample_test

import (
	"context"
	"fmt"
	"log"

	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Draws pictures of a class with a flow. The models are untrained; sample.OpenFlow loads trained ones from a run folder.
func ExampleFlow_Sample() {
	device, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer device.Close()
	encoder, flow := toy.Flow(device)
	pets, err := sample.NewFlow(device, toy.PetData(), sample.FlowModels{Autoencoder: encoder, Flow: flow})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("classes:", pets.Classes())

	typical := sampling.Default()
	typical.Temperature = 0.8
	pictures, err := pets.Sample(context.Background(), sample.Options{Class: "dog", N: 3, Candidates: 10, Seed: 7, Sampling: &typical})
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range pictures {
		fmt.Println(p.Image.Bounds().Size(), len(p.Embedding), "values")
	}
	fmt.Println("densest first:", pictures[0].LogDensity >= pictures[2].LogDensity)
	// Output:
	// classes: [cat dog]
	// (32,32) 6 values
	// (32,32) 6 values
	// (32,32) 6 values
	// densest first: true
}

// Generates pictures for a prompt and reports the progress. The models are untrained; sample.OpenTextToImage loads
// trained ones from a run folder.
func ExampleTextToImage_Generate() {
	device, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer device.Close()
	vae, model, tokens, judge := toy.TextToImage(device, 3)
	birds, err := sample.NewTextToImage(device, toy.BirdData(), sample.TextToImageModels{Codec: vae, DALLE: model, Tokenizer: tokens, CLIP: judge})
	if err != nil {
		log.Fatal(err)
	}
	pictures, err := birds.Generate(context.Background(), sample.GenerateOptions{
		Prompts: []string{"a small red bird"}, N: 2, Seed: 7,
		Rows: func(r sample.Rows) { fmt.Printf("%d of %d rows\n", r.Done, r.Total) },
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range pictures {
		fmt.Printf("picture %d for %q: %v, %d codes\n", p.Index, p.Prompt, p.Image.Bounds().Size(), len(p.Codes))
	}
	// Output:
	// 2 of 8 rows
	// 4 of 8 rows
	// 6 of 8 rows
	// 8 of 8 rows
	// picture 0 for "a small red bird": (16,16), 16 codes
	// picture 1 for "a small red bird": (16,16), 16 codes
}
