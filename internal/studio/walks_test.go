package studio

import (
	"bytes"
	"image"
	"image/gif"
	"image/png"
	"math"
	"net/http"
	"strings"
	"testing"
)

// TestWalks begins walks from a latent and from a picture, and draws variations.
func TestWalks(t *testing.T) {
	s := serve(t, nil)
	sampled := s.run(object{"kind": "sample", "run": "pets", "class": "dog", "n": 2, "seed": 3, "latents": true})
	first := sampled["pictures"].([]any)[0].(object)
	latent, ok := first["latent"].([]any)
	if !ok || len(latent) != 6 {
		t.Fatalf("latent %v", first["latent"])
	}
	still := s.run(object{"kind": "walk", "run": "pets", "class": "dog", "latent": latent})
	if !bytes.Equal(picture(t, s, still, 0), picture(t, s, sampled, 0)) {
		t.Error("a walk that hasn't begun shows another picture")
	}
	moved := s.run(object{"kind": "walk", "run": "pets", "class": "dog", "latent": latent, "sliders": []float64{2, -1}, "latents": true})
	before, after := latent[0].(float64), moved["pictures"].([]any)[0].(object)["latent"].([]any)[0].(float64)
	if before == after {
		t.Error("sliders don't move the latent")
	}
	share := moved["values"].(object)["share"].([]any)
	sum := 0.0
	for i, v := range share {
		sum += v.(float64)
		if i > 0 && v.(float64) > share[i-1].(float64) {
			t.Errorf("shares %v are not sorted", share)
		}
	}
	if len(share) == 0 || sum < 0.99 || sum > 1.01 { // the embeddings have as many dimensions as there are directions
		t.Errorf("shares %v", share)
	}
	ask := object{"kind": "walk", "run": "pets", "class": "dog", "latent": latent, "spread": 0.5, "n": 3, "seed": 9, "latents": true}
	one, two := s.run(ask), s.run(ask)
	for i := range 3 {
		a, b := one["pictures"].([]any)[i].(object)["latent"].([]any)[0], two["pictures"].([]any)[i].(object)["latent"].([]any)[0]
		if a != b || a == latent[0] {
			t.Errorf("variation %d: %v and %v of %v", i, a, b, latent[0])
		}
	}
	s.run(object{"kind": "walk", "run": "pets", "class": "cat", "from": picture(t, s, sampled, 1)})
	for field, ask := range map[string]object{
		"latent": {"kind": "walk", "run": "pets", "latent": []int{1}}, "spread": {"kind": "walk", "run": "pets", "spread": -1},
		"from": {"kind": "walk", "run": "pets", "from": []byte("nothing")}, "latents": {"kind": "density", "run": "pets", "latents": true},
	} {
		if code, raw, _ := s.call("POST", "/api/jobs", ask); code != http.StatusBadRequest || !strings.Contains(string(raw), `"field":"`+field+`"`) {
			t.Errorf("%v: %d %s", ask, code, raw)
		}
	}
}

// TestAnimation decodes a walk between two pictures as one file.
func TestAnimation(t *testing.T) {
	s := serve(t, nil)
	job := s.run(object{"kind": "interpolate", "run": "pets", "from_seed": 1, "to_seed": 2, "frames": 5})
	path, ok := job["animation"].(string)
	if !ok {
		t.Fatalf("%v has no animation", job)
	}
	first, err := png.Decode(bytes.NewReader(picture(t, s, job, 0)))
	if err != nil {
		t.Fatal(err)
	}
	for query, delay := range map[string]int{"": 8, "?delay=250": 25} {
		code, raw, header := s.call("GET", path+query, nil)
		if code != http.StatusOK || header.Get("Content-Type") != "image/gif" {
			t.Fatalf("%d %s", code, header)
		}
		all, err := gif.DecodeAll(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if len(all.Image) != 8 || all.LoopCount != 0 { // there and back, each end once
			t.Errorf("%d frames, %d loops", len(all.Image), all.LoopCount)
		}
		scale := all.Config.Width / first.Bounds().Dx()
		if side := all.Config.Width; scale < 1 || side != scale*first.Bounds().Dx() || all.Config.Height != side || side < 128 {
			t.Errorf("%d×%d pixels of %v", side, all.Config.Height, first.Bounds())
		}
		for i, frame := range all.Image {
			if frame.Bounds() != image.Rect(0, 0, all.Config.Width, all.Config.Height) || all.Delay[i] != delay {
				t.Errorf("frame %d: %v, %d hundredths of a second", i, frame.Bounds(), all.Delay[i])
			}
		}
		if got, want := brightness(all.Image[0]), brightness(first); math.Abs(got-want) > 0.02 {
			t.Errorf("the first frame has brightness %.3f, the picture %.3f", got, want)
		}
	}
	if code, _, _ := s.call("GET", path+"?delay=19", nil); code != http.StatusBadRequest {
		t.Errorf("a delay of 19 ms: %d", code)
	}
	other := s.run(object{"kind": "sample", "run": "pets", "n": 2})
	if code, raw, _ := s.call("GET", "/api/jobs/"+other["id"].(string)+"/animation.gif", nil); code != http.StatusNotFound || other["animation"] != nil {
		t.Errorf("%d %s", code, raw)
	}
}

// brightness is the mean of the channels of a picture, from 0 to 1.
func brightness(img image.Image) float64 {
	var sum float64
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, b, _ := img.At(x, y).RGBA()
			sum += float64(r+g+b) / (3 * 0xffff)
		}
	}
	return sum / float64(b.Dx()*b.Dy())
}
