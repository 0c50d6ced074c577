package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// tinyKL returns the flags of an autoencoder with 4×4 latents that trains in milliseconds.
func tinyKL(more ...string) []string {
	return append([]string{"train", "kl", "--image-size", "16", "--multipliers", "1,2", "--width", "8", "--groups", "4", "--embed", "3",
		"--batch", "8", "--threads", "1", "--discriminator-layers", "1", "--discriminator-width", "8"}, more...)
}

func TestTrainKL(t *testing.T) {
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	printed := succeeds(t, tinyKL("--data", "birds:3:60", "--out", run, "--epochs", "2", "--seed", "3")...)
	if !strings.HasPrefix(printed, "kl: 12 steps, ") {
		t.Errorf("printed %q", printed)
	}
	var saved struct {
		Options struct {
			KL struct {
				Loss struct {
					Perceptual float64
					Start      int `json:"adversarial_start"`
				}
			}
		}
	}
	if config(t, run, &saved); saved.Options.KL.Loss.Start != 6 || saved.Options.KL.Loss.Perceptual != 0 {
		t.Errorf("config.json has %+v", saved)
	}
	readImage(t, filepath.Join(run, "samples", "kl-step-000012.png"))
	succeeds(t, "train", "kl", "--run", run, "--resume", "--epochs", "3", "--threads", "1")
	for _, flag := range []string{"--embed", "--adversarial", "--discriminator-width", "--kl-weight"} {
		fails(t, 2, []string{flag, "start a new run"}, "train", "kl", "--run", run, "--resume", flag, "2")
	}

	out := filepath.Join(dir, "reconstructions.png")
	if printed := succeeds(t, "reconstruct", "--run", run, "--data", "birds:4:20", "-n", "4", "--out", out); !strings.Contains(printed, "4 pictures, PSNR ") {
		t.Errorf("reconstruct printed %q", printed)
	}
	readImage(t, out)
	var figures struct {
		Pictures       int
		Reconstruction struct {
			PSNR float64 `json:"psnr_db"`
		}
	}
	if err := json.Unmarshal([]byte(succeeds(t, "eval", "--run", run, "--data", "birds:4:20")), &figures); err != nil || figures.Pictures == 0 || !(figures.Reconstruction.PSNR > 5) {
		t.Errorf("eval: %+v, %v", figures, err)
	}

	other := filepath.Join(dir, "other")
	for _, c := range []struct {
		flags []string
		words []string
	}{
		{[]string{"--data", "birds:3:60"}, []string{"--out is missing"}},
		{[]string{"--out", other}, []string{"--data is missing"}},
		{[]string{"--width", "12", "--groups", "8"}, []string{"--groups 8", "--width"}},
		{[]string{"--image-size", "18"}, []string{"--image-size 18", "--patch", "a multiple of 4"}},
		{[]string{"--perceptual", "1"}, []string{"--perceptual 1", "--features"}},
		{[]string{"--adversarial", "0"}, []string{"--discriminator-width", "--adversarial 0"}},
		{[]string{"--discriminator-width", "0"}, []string{"--discriminator-width 0"}},
		{[]string{"--discriminator-lr", "0"}, []string{"--discriminator-lr 0"}},
		{[]string{"--data", "birds:3:60", "--out", other, "--discriminator-layers", "4"}, []string{"--discriminator-layers 4", "use fewer"}},
	} {
		fails(t, 2, c.words, tinyKL(c.flags...)...)
	}
	fails(t, 1, []string{"missing.pt"}, tinyKL("--data", "birds:3:60", "--out", other, "--features", filepath.Join(dir, "missing.pt"))...)
}
