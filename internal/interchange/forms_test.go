package interchange

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/torchfile"
	"github.com/google/go-cmp/cmp"
)

// TestHalfPrecision imports a DALL-E with rotary positions that was saved in half precision, whose angles are rounded. It
// computes about what the model in full precision does. testdata/half/make.py made the files.
func TestHalfPrecision(t *testing.T) {
	d, f := golden.Device(t), golden.Read(t, "../../dalle/testdata/dalle_full.safetensors")
	_, full := imported(t, d, "testdata/dalle_full.pt")
	text, image := golden.Ints(t, f, "text"), golden.Ints(t, f, "image")
	_, want := full.DALLE.Logits(text, image)
	for name, tolerance := range map[string]float64{"float16": 5e-3, "bfloat16": 5e-2} {
		_, m := imported(t, d, "testdata/half/dalle_full."+name+".pt")
		_, got := m.DALLE.Logits(text, image)
		golden.Near(t, name, got.Values(), want.Values(), tolerance)
	}
}

// TestRoundedAngles accepts the angles of the configuration as each type rounds them, and no others.
func TestRoundedAngles(t *testing.T) {
	_, m := imported(t, golden.CPU(t), "testdata/dalle_full.pt")
	c := m.DALLE.Config()
	check := func(change func(a float32) float32) error {
		angles := rotaryAngles(c)
		for i, a := range angles.F32 {
			angles.F32[i] = change(a)
		}
		return checkAngles(c, anglesName, func(string) (safetensors.Tensor, error) { return *angles, nil })
	}
	for name, round := range map[string]func(a float32) float32{
		"float32": func(a float32) float32 { return a }, "float16": roundTo(13), "bfloat16": roundTo(16),
	} {
		if err := check(round); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := check(func(a float32) float32 { return round(a * 1.02) }); err == nil {
			t.Errorf("%s: angles that are 2 %% larger are accepted", name)
		}
	}
}

// roundTo drops the last bits of a float32, about as a narrower type does.
func roundTo(bits uint) func(a float32) float32 {
	step := float32(int(1) << bits)
	return func(a float32) float32 {
		big := a * (step + 1) // Veltkamp's splitting
		return big - (big - a)
	}
}

// TestWrappedNames imports models that were saved within DataParallel, torch.compile or both.
func TestWrappedNames(t *testing.T) {
	d := golden.Device(t)
	wrap := map[string]func(name string) string{
		"DataParallel":  func(name string) string { return "module." + name },
		"torch.compile": func(name string) string { return "_orig_mod." + name },
		"both":          func(name string) string { return "_orig_mod.module." + name },
		"within": func(name string) string {
			return strings.Replace(strings.Replace(name, "vae.", "vae.module.", 1), "transformer.layers.", "transformer._orig_mod.layers.", 1)
		},
	}
	reference := checkpointOf(t, "../../dalle/testdata/dalle_full.safetensors")
	_, want := imported(t, d, reference.write(t, "plain"))
	flow := golden.Read(t, "../../flows/testdata/flow_realnvp_cond_perm_bn.safetensors")
	_, wantFlow := imported(t, d, written(t, "flow.pt", state(t, flow, "after.")))
	for name, change := range wrap {
		c := checkpointOf(t, "../../dalle/testdata/dalle_full.safetensors")
		wrapped := &torchfile.Dict{Ordered: true}
		for key, v := range c.weights.All() {
			wrapped.Set(change(key.(string)), v)
		}
		c.Set("weights", wrapped)
		_, got := imported(t, d, c.write(t, "wrapped"))
		if diff := cmp.Diff(want.states(), got.states(), golden.Whole); diff != "" {
			t.Errorf("%s: other weights", name)
		}
		s := torchfile.NewDict()
		for key, v := range state(t, flow, "after.").All() {
			s.Set(change(key.(string)), v)
		}
		_, gotFlow := imported(t, d, written(t, "flow.pt", s))
		x, _, y := rowsFor(d, wantFlow.Flow)
		if !slices.Equal(gotFlow.Flow.LogProb(x, y).Values(), wantFlow.Flow.LogProb(x, y).Values()) {
			t.Errorf("%s: another flow", name)
		}
	}
	twice := state(t, flow, "after.")
	twice.Set("module.flows.0.mask", zeros(8))
	if _, err := Read(written(t, "flow.pt", twice)); err == nil || !strings.Contains(err.Error(), "holds both") {
		t.Errorf("error %v, want one about a name that is there twice", err)
	}
}

// writeJSON writes a value as a file of JSON.
func writeJSON(t *testing.T, path string, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestBareState imports state_dicts with hparams in a file of their own.
func TestBareState(t *testing.T) {
	d, dir := golden.Device(t), t.TempDir()
	for _, path := range []string{"testdata/vae_full.pt", "testdata/dalle_full.pt"} {
		c, want := imported(t, d, path)
		vaeArgs, err := vaeParams(want.VAE.Config())
		if err != nil {
			t.Fatal(err)
		}
		settings := jsonOf(vaeArgs)
		if want.DALLE != nil {
			args, err := dalleParams(*c.DALLE, c.VAE.Grid())
			if err != nil {
				t.Fatal(err)
			}
			settings = map[string]any{"hparams": jsonOf(args), "vae_params": jsonOf(vaeArgs)}
		}
		config := writeJSON(t, filepath.Join(dir, "hparams.json"), settings)
		e, err := newExport(want)
		if err != nil {
			t.Fatal(err)
		}
		bare := &torchfile.Dict{Ordered: true}
		for _, w := range e.weights {
			bare.Set(w.name, w.tensor)
		}
		for name, v := range map[string]any{"bare": bare, "state_dict": torchfile.NewDict("state_dict", bare, "epoch", 4, "optimizer", torchfile.NewDict("lr", 0.1))} {
			file := written(t, name+".pt", v)
			if _, err := Read(file); err == nil || !strings.Contains(err.Error(), "has no hparams") || !strings.Contains(err.Error(), "JSON") {
				t.Errorf("error %v, want one about hparams", err)
			}
			c, err := ReadWith(file, config)
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Build(d)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.states(), got.states(), golden.Whole); diff != "" {
				t.Errorf("%s of %s: other weights", name, path)
			}
			c.Close()
		}
		if _, err := ReadWith(path, config); err == nil || !strings.Contains(err.Error(), "of its own") {
			t.Errorf("error %v for hparams that are there twice", err)
		}
	}
	bare := written(t, "bare.pt", torchfile.NewDict("x", zeros(2)))
	for content, want := range map[string]string{"[1]": "no object", "{": "not an object", `{"hparams": {}, "dim": 3}`: `"dim"`, `{"dim": 3}`: "codebook.weight"} {
		path := filepath.Join(dir, "x.json")
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadWith(bare, path); err == nil || !(strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "not an object")) && want != "codebook.weight" {
			t.Errorf("%s: error %v, want %q", content, err, want)
		}
	}
	if _, err := ReadWith(bare, dir); err == nil {
		t.Error("a folder is read as JSON")
	}
}

// TestShards imports a checkpoint in several files.
func TestShards(t *testing.T) {
	d, dir := golden.Device(t), t.TempDir()
	_, want := imported(t, d, "testdata/dalle_full.pt")
	whole := filepath.Join(dir, "whole.safetensors")
	if err := WriteSafetensors(whole, want); err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Read(whole)
	if err != nil {
		t.Fatal(err)
	}
	var parts [2][]safetensors.Tensor
	places := map[string]string{}
	shard := func(i int) string { return fmt.Sprintf("model-%05d-of-00002.safetensors", i+1) }
	for i, name := range f.Names() {
		v, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		parts[i%2] = append(parts[i%2], *v)
		places[name] = shard(i % 2)
	}
	for i, part := range parts {
		meta := map[string]string{}
		for _, key := range sections {
			if v, ok := f.Metadata[key]; ok && i == 0 {
				meta[key] = v
			}
		}
		if err := safetensors.Write(filepath.Join(dir, shard(i)), part, meta); err != nil {
			t.Fatal(err)
		}
	}
	index := writeJSON(t, filepath.Join(dir, "model.safetensors.index.json"), map[string]any{"metadata": map[string]any{"total_size": 3}, "weight_map": places})
	_, got := imported(t, d, index)
	if diff := cmp.Diff(want.states(), got.states(), golden.Whole); diff != "" {
		t.Error("other weights")
	}
	if _, err := Read(filepath.Join(dir, shard(0))); err == nil || !strings.Contains(err.Error(), "model.safetensors.index.json") {
		t.Errorf("error %v for a single shard", err)
	}
	for name, c := range map[string]struct {
		change func(m map[string]string)
		want   string
	}{
		"a tensor that is not there":   {func(m map[string]string) { m["extra"] = shard(1) }, `no "extra"`},
		"a tensor in another shard":    {func(m map[string]string) { m[parts[0][0].Name] = shard(1) }, "doesn't list"},
		"a tensor that is not listed":  {func(m map[string]string) { delete(m, parts[0][0].Name) }, "doesn't list"},
		"a shard in another folder":    {func(m map[string]string) { m["extra"] = "../model-00001-of-00002.safetensors" }, "not a file beside it"},
		"a shard that is not there":    {func(m map[string]string) { m["extra"] = "other.safetensors" }, "no such file"},
		"an index that lists no shard": {func(m map[string]string) { clear(m) }, "weight_map"},
	} {
		changed := map[string]string{}
		for name, place := range places {
			changed[name] = place
		}
		c.change(changed)
		path := writeJSON(t, filepath.Join(dir, "x.safetensors.index.json"), map[string]any{"weight_map": changed})
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

// TestPositionNames imports the learned positions of both forms of axial-positional-embedding, and exports the later.
func TestPositionNames(t *testing.T) {
	d := golden.Device(t)
	c := checkpointOf(t, "../../dalle/testdata/dalle_no_rotary_no_shift.safetensors")
	_, want := imported(t, d, c.write(t, "later"))
	earlier := &torchfile.Dict{Ordered: true}
	for key, v := range c.weights.All() {
		earlier.Set(strings.Replace(key.(string), "image_pos_emb.weights.", "image_pos_emb.weights_", 1), v)
	}
	c.Set("weights", earlier)
	_, got := imported(t, d, c.write(t, "earlier"))
	if diff := cmp.Diff(want.states(), got.states(), golden.Whole); diff != "" {
		t.Error("other weights")
	}
	path := filepath.Join(t.TempDir(), "x.pt")
	if err := WriteTorch(path, want); err != nil {
		t.Fatal(err)
	}
	all := stateOfFile(t, path)
	for _, name := range []string{"image_pos_emb.weights.0", "image_pos_emb.weights.1"} {
		if _, ok := all[name]; !ok || !strings.Contains(PositionNote, "image_pos_emb.weights.0") {
			t.Errorf("%s is not in the export, or the note doesn't name it", name)
		}
	}
}
