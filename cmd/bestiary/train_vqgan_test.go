package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// tinyVQGAN returns the flags of a VQGAN with 4×4 codes that trains in milliseconds.
func tinyVQGAN(run string, more ...string) []string {
	return append([]string{"train", "vqgan", "--data", "birds:3:60", "--out", run, "--image-size", "16", "--width", "8", "--groups", "4", "--embed", "4",
		"--codes", "16", "--discriminator-width", "8", "--discriminator-layers", "1", "--batch", "8", "--threads", "1"}, more...)
}

// TestTrainVQGAN trains VQGANs and a DALL-E on the codes of one, and uses them.
func TestTrainVQGAN(t *testing.T) {
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	if printed := succeeds(t, tinyVQGAN(run, "--steps", "8")...); !strings.HasPrefix(printed, "vqgan: 8 steps, lowest held-out loss ") {
		t.Errorf("printed %q", printed)
	}
	var saved struct {
		Options struct {
			VQGAN struct {
				Revive int
				Loss   struct {
					Start int `json:"adversarial_start"`
				}
			}
		}
		Models struct{ VQGAN struct{ Cosine bool } }
	}
	if config(t, run, &saved); saved.Options.VQGAN.Revive != 100 || saved.Options.VQGAN.Loss.Start != 4 || !saved.Models.VQGAN.Cosine {
		t.Errorf("config.json has %+v", saved)
	}
	readImage(t, filepath.Join(run, "samples", "vqgan-step-000008.png"))
	succeeds(t, "train", "vqgan", "--run", run, "--resume", "--steps", "10", "--threads", "1")
	fails(t, 2, []string{"--codes", "start a new run"}, "train", "vqgan", "--run", run, "--resume", "--codes", "32")

	succeeds(t, tinyDALLE(run, "--steps", "20")...)
	drawn := filepath.Join(dir, "drawn.png")
	succeeds(t, "generate", "--run", run, "--out", drawn, "a red bird")
	succeeds(t, "reconstruct", "--run", run, "--data", "birds:4:4", "--out", drawn)
	if out := succeeds(t, "eval", "--run", run, "--data", "birds:4:20"); !strings.Contains(out, `"model": "vqgan"`) || !strings.Contains(out, `"dalle"`) {
		t.Error(out)
	}
	fails(t, 2, []string{"--image-size 32", "vqgan", "size 16"}, tinyCLIP(run, "--image-size", "32")...)
	_, stderr, _ := bestiary(t, "train", "vqgan", "--run", run, "--resume", "--steps", "12", "--threads", "1")
	if !strings.Contains(stderr, "the run's dalle depends on this vqgan") {
		t.Errorf("stderr %q", stderr)
	}
	fails(t, 1, []string{"the vqgan has changed", "vqgan.safetensors"}, "generate", "--run", run, "--out", drawn, "a red bird")
	fails(t, 1, []string{"the vqgan has other weights", "train the dalle anew"}, "train", "dalle", "--run", run, "--resume", "--steps", "12")
	fails(t, 1, []string{"has a vqgan already", "another folder"}, tinyDVAE("--data", "birds:3:60", "--out", run)...)

	fsq := filepath.Join(dir, "fsq")
	args := []string{"train", "vqgan", "--data", "birds:3:60", "--out", fsq, "--image-size", "16", "--width", "8", "--groups", "4", "--bottleneck", "fsq",
		"--levels", "5,3,3", "--adversarial", "0", "--batch", "8", "--threads", "1", "--steps", "3"}
	succeeds(t, args...)
	fails(t, 1, []string{"Bottleneck fsq"}, "export", "--run", fsq, "--out", filepath.Join(dir, "x.ckpt"))
	for want, more := range map[string][]string{
		"--codes":               {"--bottleneck", "fsq"},
		"--bottleneck fsd":      {"--bottleneck", "fsd"},
		"--revive":              {"--bottleneck", "gumbel", "--revive", "3"},
		"--temperature 2":       {"--temperature", "2"},
		"--legacy":              {"--legacy"},
		"--levels":              {"--levels", "3,3"},
		"--discriminator-width": {"--adversarial", "0"},
	} {
		fails(t, 2, []string{want}, tinyVQGAN(filepath.Join(dir, "new"), more...)...)
	}
}
