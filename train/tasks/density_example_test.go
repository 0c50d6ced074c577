package tasks_test

import (
	"context"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/bestiary-ml/bestiary/data/table"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/train/tasks"
)

// Train the density of a table, score its held-out rows, and sample new rows.
func ExampleDensity() {
	dir, err := os.MkdirTemp("", "density")
	check(err)
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "pets.csv")
	check(os.WriteFile(path, []byte(petsTable(500)), 0o666))
	device, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	check(err)
	defer device.Close()
	ctx, run, c := context.Background(), filepath.Join(dir, "run"), tasks.DefaultDensity().Training
	c.Steps, c.Batch = 100, 64

	pets, err := table.Read(path, table.Options{})
	check(err)
	encoding, err := table.NewEncoding(pets, nil, nil) // weight and height, given the kind
	check(err)
	spec, err := tasks.DensitySpec("maf", encoding)
	check(err)
	training, heldOut, err := pets.Split(0.1, 1)
	check(err)
	description := table.Description{Path: path, Share: 0.1, Seed: 1, Encoding: *encoding}
	_, task, err := tasks.Density(ctx, device, spec, tasks.DensityOptions{}, description, training, heldOut, tasks.Options{Batch: c.Batch, Seed: c.Seed})
	check(err)
	_, err = train.Run(ctx, run, *task, c, train.Options{})
	check(err)
	density, err := sample.OpenDensity(ctx, run, device)
	check(err)
	scores, err := density.LogProb(ctx, heldOut)
	check(err)
	rows, _, err := density.Sample(ctx, 200, map[string]string{"kind": "dog"}, 7)
	check(err)

	weight := 0.0
	for i := 0; i < len(rows); i += 2 {
		weight += rows[i] / 200
	}
	fmt.Println(len(scores), "rows scored; sampled dogs weigh about 20:", math.Abs(weight-20) < 3)
	// Output: 50 rows scored; sampled dogs weigh about 20: true
}

// petsTable has cats of about 4 kg and dogs of about 20 kg, and their heights.
func petsTable(n int) string {
	r, text := rand.New(rand.NewPCG(1, 1)), "kind,weight,height\n"
	for i := range n {
		kind, weight := "cat", 4+r.NormFloat64()/2
		if i%2 == 0 {
			kind, weight = "dog", 20+3*r.NormFloat64()
		}
		text += fmt.Sprintf("%s,%.3f,%.3f\n", kind, weight, 20+weight+r.NormFloat64())
	}
	return text
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
