package openai

import (
	"slices"
	"strconv"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/studio/problem"
)

// request is the body of a generation.
type request struct {
	Prompt            string  `json:"prompt"`
	Model             string  `json:"model"`
	N                 *int    `json:"n"`
	Size              string  `json:"size"`
	ResponseFormat    string  `json:"response_format"`
	OutputFormat      string  `json:"output_format"`
	OutputCompression *int    `json:"output_compression"`
	Stream            bool    `json:"stream"`
	PartialImages     *int    `json:"partial_images"`
	Quality           string  `json:"quality"`
	Style             string  `json:"style"`
	Background        string  `json:"background"`
	Moderation        string  `json:"moderation"`
	User              string  `json:"user"` // of the client's records, as the next one
	SafetyIdentifier  string  `json:"safety_identifier"`
	Seed              *uint64 `json:"seed"` // not OpenAI's: the same seed gives the same pictures
}

// form is how pictures are answered.
type form struct {
	side    int // in pixels; 0: the model's
	jpeg    bool
	quality int
	partial int
	n       int
	url     bool
}

func (q *request) form() (f form, err error) {
	f.n = 1
	if q.N != nil {
		if f.n = *q.N; f.n < 1 || f.n > 10 {
			return f, problem.Wrong("n", "must be from 1 to 10")
		}
	}
	if q.Prompt == "" {
		return f, problem.Wrong("prompt", "must say what to draw")
	}
	if q.Size != "" && q.Size != "auto" {
		width, height, _ := strings.Cut(q.Size, "x")
		w, err1 := strconv.Atoi(width)
		h, err2 := strconv.Atoi(height)
		if err1 != nil || err2 != nil || w != h || w < 16 || w > 2048 {
			return f, problem.Wrong("size", "must be auto or a square from 16x16 to 2048x2048, to which pictures are scaled")
		}
		f.side = w
	}
	switch q.ResponseFormat {
	case "", "b64_json":
	case "url":
		if f.url = true; q.Stream {
			return f, problem.Wrong("response_format", "must be b64_json with stream")
		}
	default:
		return f, problem.Wrong("response_format", "must be b64_json or url")
	}
	f.quality = 90
	switch q.OutputFormat {
	case "", "png":
		if q.OutputCompression != nil && *q.OutputCompression != 100 {
			return f, problem.Wrong("output_compression", "must be 100 for png")
		}
	case "jpeg":
		if f.jpeg = true; q.OutputCompression != nil {
			if f.quality = *q.OutputCompression; f.quality < 1 || f.quality > 100 {
				return f, problem.Wrong("output_compression", "must be from 1 to 100")
			}
		}
	default:
		return f, problem.Wrong("output_format", "must be png or jpeg")
	}
	if f.url && (f.jpeg || f.side != 0) {
		return f, problem.Wrong("response_format", "url has pictures as png in the model's size; set b64_json for others")
	}
	if q.PartialImages != nil {
		if f.partial = *q.PartialImages; f.partial < 0 || f.partial > 3 {
			return f, problem.Wrong("partial_images", "must be from 0 to 3")
		}
		if f.partial > 0 && !q.Stream {
			return f, problem.Wrong("partial_images", "needs stream")
		}
	}
	for _, fixed := range []struct {
		name, value string
		allowed     []string
	}{
		{"quality", q.Quality, []string{"", "auto", "standard"}}, {"style", q.Style, []string{""}},
		{"background", q.Background, []string{"", "auto", "opaque"}}, {"moderation", q.Moderation, []string{"", "auto", "low"}},
	} {
		if !slices.Contains(fixed.allowed, fixed.value) {
			return f, problem.Wrong(fixed.name, "must be left out: the server's models have no choice of it")
		}
	}
	return f, nil
}
