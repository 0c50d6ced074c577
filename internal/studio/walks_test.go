package studio

import (
	"bytes"
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
