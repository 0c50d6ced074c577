package models

import (
	"testing"

	"github.com/bestiary-ml/bestiary/internal/zerotest"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestZeroValues calls everything with nil devices, names of no kind and zero values.
func TestZeroValues(t *testing.T) {
	dir, d, g := t.TempDir(), device(t), tensor.NewGenerator(1)
	defer d.Close()
	for name, f := range map[string]any{"Open": Open, "Config": Config, "Trained": Trained, "Describe": Describe} {
		zerotest.Refuses(t, name, f, nil)
	}
	zerotest.Refuses(t, "Open without a device", Open, map[int]any{0: dir, 1: DVAE.Name})
	saved(t, dir+"/run", d, DVAE, smallVAE())
	zerotest.Refuses(t, "Open of a run without a device", Open, map[int]any{0: dir + "/run", 1: DVAE.Name})
	zerotest.Refuses(t, "Load of a run without a device", DVAE.Load, map[int]any{0: dir + "/run"})
	for name, f := range map[string]any{
		"autoencoder": Autoencoder.New, "flow": Flow.New, "dvae": DVAE.New, "dalle": DALLE.New, "clip": CLIP.New,
	} {
		zerotest.Refuses(t, name, f, nil)
		zerotest.Refuses(t, name+" without a configuration", f, map[int]any{0: d, 2: g})
	}
	zerotest.Methods(t, &Info{})
	zerotest.Methods(t, &Facts{})
}
