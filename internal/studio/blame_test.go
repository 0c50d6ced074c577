package studio

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// TestBlame sends requests with one mistake each. Each error names the field and says what it must be.
func TestBlame(t *testing.T) {
	s := serve(t, nil)
	long := strings.Repeat("a", 100_000)
	for _, x := range []struct {
		path   string
		body   object // nil: GET
		code   int
		field  string
		detail string // a part
	}{
		{"/api/jobs", object{"kind": "generate", "run": "birds", "prompt": "a", "n": 0}, 400, "n", "n: must be from 1 to 64"},
		{"/api/jobs", object{"kind": "interpolate", "run": "pets", "from_seed": 1, "to_seed": 2, "frames": 0}, 400, "frames", "frames: must be from 2 to 64"},
		{"/api/jobs", object{"kind": "generate", "run": "birds", "prompt": long}, 400, "prompt", "prompt: must have at most 65536 bytes, not 100000"},
		{"/api/jobs", object{"kind": "generate", "run": "birds", "prompts": []string{"a", long}}, 400, "prompts[1]", "prompts[1]: must have at most 65536 bytes"},
		{"/api/jobs", object{"kind": "generate", "run": "none", "prompt": "a"}, 404, "run", `there is no run "none"`},
		{"/api/jobs", object{"kind": "generate", "run": "pets", "prompt": "a"}, 404, "kind", `run "pets" has no generator for prompts`},
		{"/api/jobs", object{"kind": "sample", "run": "birds"}, 404, "kind", `run "birds" has no flow`},
		{"/api/jobs", object{"kind": "detect", "run": "birds"}, 404, "kind", `run "birds" has no detector`},
		{"/api/jobs", object{"kind": "detect", "run": "scenes"}, 400, "pictures", "pictures: must be from 1 to 64 pictures"},
		{"/api/jobs", object{"kind": "detect", "run": "scenes", "pictures": []string{"AAAA"}, "min_score": 1.5}, 400, "min_score", "min_score: must be above 0 and at most 1"},
		{"/api/jobs", object{"kind": "detect", "run": "scenes", "pictures": []string{""}}, 400, "pictures[0]", "pictures[0]: must be a picture"},
		{"/api/jobs", object{"kind": "detect", "run": "scenes", "pictures": []string{"AAAA"}}, 400, "pictures[0]", "pictures[0]: is not a picture that can be used"},
		{"/api/jobs", object{"kind": "density", "run": "pets", "min_score": 0.5}, 400, "min_score", "min_score: has no use in a job of kind density"},
		{"/api/jobs", object{"kind": "reconstruct", "run": "scenes", "pictures": []string{"AAAA"}}, 404, "kind", `run "scenes" has no model that encodes and decodes pictures`},
		{"/api/jobs", object{"kind": "nearest", "run": "scenes", "pictures": []string{"AAAA"}}, 404, "kind", `run "scenes" has no model that draws pictures`},
		{"/api/jobs", object{"kind": "generate", "run": "scenes", "prompt": "a"}, 404, "kind", `run "scenes" has no generator for prompts`},
		{"/api/jobs", object{"kind": "density", "run": "scenes", "pictures": []string{"AAAA"}}, 404, "kind", `run "scenes" has no flow`},
		{"/api/trainings", object{"model": "ssd", "run": "x", "data": "birds:1:2000", "size": "small"}, 400, "data", "data: must be pictures with boxes, such as scenes:1:2000"},
		{"/api/trainings", object{"model": "dvae", "run": "x", "data": "scenes:1:2000", "size": "small"}, 400, "data", "data: must be pictures of classes or with captions, such as birds:1:2000"},
		{"/api/jobs", object{"kind": "generate", "run": "birds", "prompt": "a", "guidance": 1e300}, 400, "guidance", "from -1e+06 to 1e+06"},
		{"/api/jobs", object{"kind": "generate", "run": "birds", "prompt": "a", "prime": "no base64!"}, 400, "prime", "prime: must be a text in base64"},
		{"/api/jobs", object{"kind": "reconstruct", "run": "pets", "pictures": []string{"AAAA", "?"}}, 400, "pictures[1]", "pictures[1]: must be a text in base64"},
		{"/api/jobs", object{"kind": "generate", "run": "birds", "prompt": strings.Repeat("a red bird ", 99)}, 400, "prompt", "or set truncate"},
		{"/api/jobs", object{"kind": "walk", "run": "pets", "latent": []float64{1}}, 400, "latent", "latent: must have"},
		{"/api/runs/birds/metrics?model=none", nil, 404, "model", `there is no kind of models "none"`},
		{"/api/jobs/%0d%0aX:%20y", nil, 404, "", "there is no such job"},
		{"/api/trainings", object{"model": "autoencoder", "run": "x", "data": "birds:1:2000", "size": "huge"}, 400, "size", "must be one of small, medium, large"},
		{"/sdapi/v1/txt2img", object{"prompt": "a", "batch_size": 0}, 400, "", "batch_size: must be from 1 to 64"},
		{"/sdapi/v1/txt2img", object{"prompt": "a", "n_iter": -1}, 400, "", "n_iter: must be from 1 to 64"},
		{"/sdapi/v1/txt2img", object{"prompt": "a", "batch_size": 9, "n_iter": 9}, 400, "", "batch_size: times n_iter must be at most 64"},
		{"/sdapi/v1/txt2img", object{"prompt": "a", "cfg_scale": 1e9}, 400, "", "cfg_scale: must be a number from"},
		{"/api/trainings", object{"model": "flow", "run": "pets", "size": "small"}, 400, "run", "must be a run without a flow"},
		{"/sdapi", nil, 404, "", "there is no such route"},
		{"/api", nil, 404, "", "there is no such route"},
	} {
		method, body := "GET", any(nil)
		if x.body != nil {
			method, body = "POST", x.body
		}
		code, raw, _ := s.call(method, x.path, body)
		var d struct{ Detail, Field string }
		if err := json.Unmarshal(raw, &d); err != nil || code != x.code || d.Field != x.field || !strings.Contains(d.Detail, x.detail) {
			t.Errorf("%s %.100v: %d %.200s", x.path, x.body, code, raw)
		}
	}
	for _, x := range []struct {
		path string
		body object
		want string
	}{
		{"/v1/images/generations", object{"prompt": "a", "model": "none"}, `"param":"model","code":"model_not_found"`},
		{"/v1/images/generations", object{"prompt": long, "model": "birds"}, `"param":"prompt"`},
		{"/v1", nil, `"code":"not_found"`},
	} {
		method, body := "GET", any(nil)
		if x.body != nil {
			method, body = "POST", x.body
		}
		if code, raw, _ := s.call(method, x.path, body); code < 400 || code >= http.StatusInternalServerError || !strings.Contains(string(raw), x.want) {
			t.Errorf("%s: %d %.200s, want %s", x.path, code, raw, x.want)
		}
	}
}

// TestTokenFormMistakes posts what is no form of the token's page. A browser gets a page, other clients problem details.
func TestTokenFormMistakes(t *testing.T) {
	s := serve(t, func(o *Options) { o.Token = "secret" })
	for name, x := range map[string]struct {
		header []string
		code   int
	}{
		"another type":   {nil, http.StatusUnsupportedMediaType},
		"another origin": {[]string{"Origin", "http://evil.example"}, http.StatusForbidden},
		"another site":   {[]string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		"another name":   {[]string{"Host", "evil.example"}, http.StatusMisdirectedRequest},
		"no form":        {[]string{"Content-Type", "application/x-www-form-urlencoded"}, http.StatusBadRequest},
	} {
		code, raw, header := s.call("POST", "/token", "%zz", append(x.header, "Accept", "text/html")...)
		if code != x.code || !strings.Contains(string(raw), "<h1>"+http.StatusText(x.code)) || !strings.HasPrefix(header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d %.300s", name, code, raw)
		}
		if code, _, header := s.call("POST", "/token", "%zz", x.header...); code != x.code || header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", name, code, header.Get("Content-Type"))
		}
	}
}
