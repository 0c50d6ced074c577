package tables

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/source"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestPets trains each architecture for some steps on the embeddings of an untrained autoencoder, and doesn't repeat what the file of
// results has.
func TestPets(t *testing.T) {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	dir := filepath.Join(t.TempDir(), "run")
	r, err := run.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	drawn := source.DrawnPets(1, 40)
	pets, err := source.Open(drawn, data.Options{Size: 32, Cache: data.NoCache})
	if err != nil {
		t.Fatal(err)
	}
	sizes := autoencoder.Config{ImageSize: 32, Channels: []int{3, 2, 3, 4, 5, 6}, Hidden: 7, Embedding: 8}
	a, err := autoencoder.New(d, sizes, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		r.SetData(data.Description{Path: drawn, Classes: pets.Classes, Size: 32, Resize: string(data.Squash), Split: string(data.Trainval), Share: 0.2}),
		r.SetConfig(models.Autoencoder.Name, sizes), r.SaveWeights(models.Autoencoder.Name, weights.Of(a), nil),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	o := Options{Only: []string{"pets"}, Steps: 4, Run: dir, Results: filepath.Join(t.TempDir(), "results.jsonl")}
	var first, second bytes.Buffer
	if err := Run(t.Context(), d, o, &first); err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"realnvp", "nsf", "maf", "tarflow", "nats per dimension on the test split"} {
		if !strings.Contains(first.String(), words) {
			t.Errorf("%q is missing in %s", words, first.String())
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), d, o, &second); err != nil || second.String() != first.String() {
		t.Errorf("with the results of before: %v, %s", err, second.String())
	}
}
