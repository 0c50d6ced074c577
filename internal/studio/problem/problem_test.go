package problem_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/studio/problem"
)

// TestTypes checks what a value of the wrong type is told.
func TestTypes(t *testing.T) {
	for body, want := range map[string]string{
		`[]`:                   "the body must be an object, not array",
		`{"seed":-1}`:          "seed: must be a whole number from 0 to 18446744073709551615, not -1",
		`{"n":1e30}`:           "n: must be a whole number, not 1e30",
		`{"pictures":[1]}`:     "pictures: must be a text in base64, not number",
		`{"pictures":"x"}`:     "pictures: must be an array, not string",
		`{"guidance":"a lot"}`: "guidance: must be a number, not string",
		`{"prompt":{}}`:        "prompt: must be a text, not object",
	} {
		var request struct {
			Seed     uint64   `json:"seed"`
			N        int      `json:"n"`
			Pictures [][]byte `json:"pictures"`
			Guidance float64  `json:"guidance"`
			Prompt   string   `json:"prompt"`
		}
		d := problem.Of(json.Unmarshal([]byte(body), &request))
		if d.Detail != want || d.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %q, want %q", body, d.Status, d.Detail, want)
		}
	}
	if d := problem.Of(&http.MaxBytesError{Limit: 64 << 10}); d.Detail != "the body is larger than 64 kB" {
		t.Error(d.Detail)
	}
}
