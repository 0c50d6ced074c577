package models_test

import (
	"testing"

	"github.com/bestiary-ml/bestiary/internal/zerotest"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestZeroValues calls everything with nil devices, names of no kind and zero values.
func TestZeroValues(t *testing.T) {
	dir, d, g := t.TempDir(), device(t), tensor.NewGenerator(1)
	defer d.Close()
	for name, f := range map[string]any{"Open": models.Open, "Config": models.Config, "Trained": models.Trained, "Describe": models.Describe} {
		zerotest.Refuses(t, name, f, nil)
	}
	zerotest.Refuses(t, "Open without a device", models.Open, map[int]any{0: dir, 1: models.DVAE.Name})
	saved(t, dir+"/run", d, models.DVAE, smallVAE())
	zerotest.Refuses(t, "Open of a run without a device", models.Open, map[int]any{0: dir + "/run", 1: models.DVAE.Name})
	zerotest.Refuses(t, "Load of a run without a device", models.DVAE.Load, map[int]any{0: dir + "/run"})
	for name, f := range map[string]any{
		"autoencoder": models.Autoencoder.New, "flow": models.Flow.New, "dvae": models.DVAE.New, "dalle": models.DALLE.New, "clip": models.CLIP.New,
	} {
		zerotest.Refuses(t, name, f, nil)
		zerotest.Refuses(t, name+" without a configuration", f, map[int]any{0: d, 2: g})
	}
	zerotest.Methods(t, &models.Info{})
	zerotest.Methods(t, &models.Facts{})
}
