package tasks_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/source"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/train/tasks"
)

// Train a small autoencoder on drawn cats and dogs, and open it from its run folder.
func ExampleAutoencoder() {
	dir, err := os.MkdirTemp("", "pets")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	device, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
	if err != nil {
		log.Fatal(err)
	}
	c := tasks.DefaultAutoencoder()
	c.Model.ImageSize, c.Model.Channels, c.Model.Hidden, c.Model.Embedding = 32, []int{3, 4, 4, 8, 8, 8}, 16, 6
	c.Training.Steps, c.Training.Batch, c.Training.Warmup = 20, 8, 2
	c.Data.Path = source.DrawnPets(1, 60)

	pictures, err := source.Open(c.Data.Path, data.Options{Size: c.Model.ImageSize})
	if err != nil {
		log.Fatal(err)
	}
	training, heldOut := tasks.HoldOut(pictures, c.Data.Share)
	_, task, err := tasks.Autoencoder(device, c.Model, c.Data, training, heldOut, tasks.Options{Batch: c.Training.Batch, Seed: c.Training.Seed})
	if err != nil {
		log.Fatal(err)
	}
	result, err := train.Run(context.Background(), dir, *task, c.Training, train.Options{})
	if err != nil {
		log.Fatal(err)
	}
	model, err := models.Autoencoder.Open(dir, device)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Step, "steps, embeddings of", model.Config().Embedding, "numbers")
	// Output: 20 steps, embeddings of 6 numbers
}
