package sample

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
)

// TestOpenFlow saves models to a run folder, and expects the same samples from the loaded pipeline.
func TestOpenFlow(t *testing.T) {
	p := smallFlow(t)
	dir := filepath.Join(t.TempDir(), "run")
	r, err := run.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	save := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	save(r.SetData(p.data))
	save(r.SetConfig("autoencoder", p.models.Autoencoder.Config()))
	save(r.SaveWeights("autoencoder", weights.Of(p.models.Autoencoder), nil))
	if half, err := OpenFlow(t.Context(), dir, p.device); err != nil || half.RequireFlow() == nil {
		t.Errorf("a run without a flow: %v", err)
	}
	save(r.SetConfig("flow", p.models.Flow.Config))
	save(r.SaveWeights("flow", weights.Of(p.models.Flow), nil))
	loaded, err := OpenFlow(t.Context(), dir, p.device)
	if err != nil {
		t.Fatal(err)
	}
	a, b := drawPictures(t, p, Options{Class: "dog", Seed: 5}), drawPictures(t, loaded, Options{Class: "dog", Seed: 5})
	if !slices.Equal(a[0].Image.Pix, b[0].Image.Pix) || a[0].LogDensity != b[0].LogDensity {
		t.Error("the loaded models draw another picture")
	}
	for sum, good := range map[string]bool{nn.Checksum(p.models.Autoencoder): true, "00000000": false} {
		save(r.SetOptions("flow", map[string]string{"autoencoder": sum}))
		again, err := OpenFlow(t.Context(), dir, p.device)
		save(err)
		if err := again.RequireFlow(); (err == nil) != good || !good && !strings.Contains(err.Error(), "other weights of the autoencoder (00000000, now ") {
			t.Errorf("a flow trained with an autoencoder of checksum %s: %v", sum, err)
		}
		if _, err := again.Reconstruct(t.Context(), make([]uint8, 3*p.Size()*p.Size())); err != nil {
			t.Errorf("reconstruction, which needs no flow: %v", err)
		}
	}

	wrong := p.data
	wrong.Classes = append(loaded.Classes(), "owl")
	save(r.SetData(wrong))
	if _, err := OpenFlow(t.Context(), dir, p.device); err == nil || !strings.Contains(err.Error(), "config.json") {
		t.Errorf("with a class more than the flow has: %v", err)
	}
	if _, err := OpenFlow(t.Context(), t.TempDir(), p.device); err == nil || !strings.Contains(err.Error(), "no run folder") {
		t.Errorf("an empty folder: %v", err)
	}
}
