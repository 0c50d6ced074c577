package studio

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// recorder lists the patterns that are registered.
type recorder struct {
	*http.ServeMux
	patterns []string
}

func (r *recorder) HandleFunc(pattern string, f func(http.ResponseWriter, *http.Request)) {
	r.patterns = append(r.patterns, pattern)
	r.ServeMux.HandleFunc(pattern, f)
}

// contract compares what a server does with its description.
type contract struct {
	*server
	doc    *openapi3.T
	called map[string]bool // routes that have answered without an error: "GET /healthz"
}

// operations are the routes of the description.
func (c *contract) operations() (all []string) {
	for path, item := range c.doc.Paths.Map() {
		for method := range item.Operations() {
			all = append(all, method+" "+path)
		}
	}
	slices.Sort(all)
	return all
}

func newContract(t *testing.T, change func(*Options)) *contract {
	t.Helper()
	for _, kind := range []string{"image/png", "image/gif", "text/event-stream"} {
		openapi3filter.RegisterBodyDecoder(kind, openapi3filter.FileBodyDecoder)
	}
	openapi3filter.RegisterBodyDecoder("application/zip", openapi3filter.FileBodyDecoder)
	s := serve(t, change)
	code, raw, _ := s.call("GET", "/api/openapi.json", nil)
	doc, err := openapi3.NewLoader().LoadFromData(raw)
	if err != nil || code != 200 {
		t.Fatalf("%d: %v", code, err)
	}
	if err := doc.Validate(context.Background(), openapi3.EnableSchemaFormatValidation()); err != nil {
		t.Fatal(err)
	}
	return &contract{s, doc, map[string]bool{}}
}

// exchange is a request and what the server must answer.
type exchange struct {
	route string // of the description: "GET /api/jobs/{id}"
	path  string
	body  any // JSON, or bytes of an archive or a picture
	code  int
	odd   bool // the description must refuse the request, too
}

// do sends a request. Its route, and the answer, must be as described.
func (c *contract) do(x exchange) []byte {
	c.t.Helper()
	method, template, _ := strings.Cut(x.route, " ")
	item := c.doc.Paths.Value(template)
	if item == nil || item.GetOperation(method) == nil {
		c.t.Fatalf("%s is not described", x.route)
	}
	route := &routers.Route{Spec: c.doc, Path: template, PathItem: item, Method: method, Operation: item.GetOperation(method)}
	var body []byte
	kind := ""
	switch b := x.body.(type) {
	case nil:
	case []byte:
		if body, kind = b, "application/zip"; strings.HasSuffix(template, "/detect") {
			kind = "image/png"
		}
	default:
		var err error
		if body, err = json.Marshal(b); err != nil {
			c.t.Fatal(err)
		}
		kind = "application/json"
	}
	request := func() *http.Request {
		q, err := http.NewRequest(method, c.url+x.path, bytes.NewReader(body))
		if err != nil {
			c.t.Fatal(err)
		}
		if kind != "" {
			q.Header.Set("Content-Type", kind)
		}
		return q
	}
	input := &openapi3filter.RequestValidationInput{
		Request: request(), PathParams: values(template, x.path), Route: route,
		Options: &openapi3filter.Options{IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, SkipSettingDefaults: true},
	}
	err := openapi3filter.ValidateRequest(context.Background(), input)
	if x.odd != (err != nil) {
		c.t.Errorf("%s %s %.200s: the description says of the request: %v", method, x.path, body, err)
	}
	a, err := http.DefaultClient.Do(request())
	if err != nil {
		c.t.Fatal(err)
	}
	defer a.Body.Close()
	answer, err := io.ReadAll(a.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if a.StatusCode != x.code {
		c.t.Errorf("%s %s %.200s: %d %.300s; want %d", method, x.path, body, a.StatusCode, answer, x.code)
	}
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: a.StatusCode, Header: a.Header, Body: io.NopCloser(bytes.NewReader(answer)), Options: input.Options,
	})
	if err != nil {
		c.t.Errorf("%s %s: the answer isn't as described: %v\n%.600s", method, x.path, err, answer)
	}
	if a.StatusCode < 300 {
		c.called[x.route] = true
	}
	return answer
}

// values are the parameters of a path.
func values(template, path string) map[string]string {
	all := map[string]string{}
	path, _, _ = strings.Cut(path, "?")
	parts := strings.Split(path, "/")
	for i, name := range strings.Split(template, "/") {
		if strings.HasPrefix(name, "{") && i < len(parts) {
			all[strings.Trim(name, "{}")], _ = url.PathUnescape(parts[i])
		}
	}
	return all
}

// TestDescription expects the OpenAPI description to be valid, and to have the routes of the server.
func TestDescription(t *testing.T) {
	c := newContract(t, nil)
	own := &recorder{ServeMux: http.NewServeMux()}
	New(device(t), Options{Runs: c.runs}).routes(own)
	var routes []string
	for _, pattern := range own.patterns {
		if strings.Contains(pattern, " ") { // others answer what has no route
			routes = append(routes, pattern)
		}
	}
	slices.Sort(routes)
	if described := c.operations(); !slices.Equal(routes, described) {
		t.Errorf("routes\n%s\ndescribed\n%s", strings.Join(routes, "\n"), strings.Join(described, "\n"))
	}
	for path := range c.doc.Paths.Map() {
		for _, method := range []string{"PUT", "PATCH"} {
			code, raw, header := c.call(method, strings.NewReplacer("{", "", "}", "").Replace(path), nil)
			if code != http.StatusMethodNotAllowed || header.Get("Allow") == "" {
				t.Errorf("%s %s: %d %s", method, path, code, raw)
			}
		}
	}
}

// TestContract calls every route. Its answers, and its errors, must be as described.
func TestContract(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("trainings are imitated by a shell script")
	}
	trainer := filepath.Join(t.TempDir(), "trainer")
	script := "#!/bin/sh\ntrap 'echo interrupted at step 1; exit 130' INT\necho step 1\nwhile :; do sleep 0.05; done\n"
	if err := os.WriteFile(trainer, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	c := newContract(t, func(o *Options) { o.Program = trainer })
	for _, dir := range []string{"birds", "pets"} { // what trainings leave
		at := filepath.Join(c.runs, dir)
		if err := os.MkdirAll(filepath.Join(at, "samples"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(at, "samples", "step-10.png"), []byte("\x89PNG\r\n\x1a\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		log := `{"model":"dalle","step":10,"loss":1.5}` + "\n" + `{"model":"dalle","step":20,"loss":null,"rate":3}` + "\n"
		if err := os.WriteFile(filepath.Join(at, "metrics.jsonl"), []byte(log), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	for _, path := range []string{"/healthz", "/metrics", "/api/openapi.json", "/api/runs", "/api/recipes", "/v1/models", "/sdapi/v1/progress",
		"/sdapi/v1/sd-models", "/sdapi/v1/options", "/api/jobs", "/api/trainings"} {
		c.do(exchange{route: "GET " + path, path: path, code: 200})
	}
	for _, run := range []string{"birds", "pets", "broken"} {
		c.do(exchange{route: "GET /api/runs/{run}", path: "/api/runs/" + run, code: 200})
	}
	c.do(exchange{route: "GET /api/runs/{run}", path: "/api/runs/none", code: 404})
	c.do(exchange{route: "GET /api/runs/{run}/metrics", path: "/api/runs/birds/metrics?model=dalle&lines=1", code: 200})
	c.do(exchange{route: "GET /api/runs/{run}/metrics", path: "/api/runs/birds/metrics?model=dalle", code: 200})
	c.do(exchange{route: "GET /api/runs/{run}/metrics", path: "/api/runs/birds/metrics?model=dalle&lines=0", code: 400, odd: true})
	c.do(exchange{route: "GET /api/runs/{run}/metrics", path: "/api/runs/birds/metrics", code: 400, odd: true})
	c.do(exchange{route: "GET /api/runs/{run}/metrics", path: "/api/runs/birds/metrics?model=none", code: 404})
	c.do(exchange{route: "GET /api/runs/{run}/samples", path: "/api/runs/birds/samples", code: 200})
	c.do(exchange{route: "GET /api/runs/{run}/samples/{png}", path: "/api/runs/birds/samples/step-10.png", code: 200})
	c.do(exchange{route: "GET /api/runs/{run}/samples/{png}", path: "/api/runs/birds/samples/..%2fconfig.json", code: 404})
	c.do(exchange{route: "GET /v1/models/{model}", path: "/v1/models/birds:maskgit", code: 200})
	c.do(exchange{route: "GET /v1/models/{model}", path: "/v1/models/gpt-image-1", code: 404})
	c.do(exchange{route: "GET /api/runs/{run}", path: "/api/runs/scenes", code: 200})
	c.jobs()
	c.detect()
	c.images()
	c.trainings()

	for _, route := range c.operations() {
		if !c.called[route] {
			t.Errorf("%s isn't called", route)
		}
	}
}

// jobs calls the routes of jobs.
func (c *contract) jobs() {
	c.t.Helper()
	post, one := "POST /api/jobs", "GET /api/jobs/{id}"
	ask := func(body object) string {
		var job struct{ ID string }
		if err := json.Unmarshal(c.do(exchange{route: post, path: "/api/jobs", body: body, code: 202}), &job); err != nil {
			c.t.Fatal(err)
		}
		return "/api/jobs/" + job.ID
	}
	job := ask(object{"kind": "generate", "run": "birds", "prompt": "a red bird", "n": 2, "seed": 1, "rank": 3, "previews": -1, "guidance": 1.5})
	c.do(exchange{route: one, path: job, code: 200})
	c.do(exchange{route: one + "/events", path: job + "/events", code: 200}) // until it ends
	c.do(exchange{route: one, path: job, code: 200})
	bird := c.do(exchange{route: one + "/pictures/{n}", path: job + "/pictures/1", code: 200})
	c.do(exchange{route: one + "/pictures/{n}", path: job + "/pictures/2", code: 404})
	c.do(exchange{route: one + "/pictures/{n}", path: job + "/pictures/last", code: 404, odd: true})
	for _, body := range []object{
		{"kind": "sample", "run": "pets", "class": "dog", "n": 2, "temperature": 0.7},
		{"kind": "walk", "run": "pets", "sliders": []float64{1, -1}, "spread": 0.5, "n": 2, "latents": true},
		{"kind": "interpolate", "run": "pets", "from": bird, "to_seed": 3, "frames": 3},
		{"kind": "reconstruct", "run": "pets", "pictures": [][]byte{bird}},
		{"kind": "density", "run": "pets", "pictures": [][]byte{bird}},
		{"kind": "nearest", "run": "birds", "pictures": [][]byte{bird}},
		{"kind": "detect", "run": "scenes", "pictures": [][]byte{bird, bird}, "min_score": 0.1},
	} {
		job := ask(body)
		c.do(exchange{route: one + "/events", path: job + "/events", code: 200})
		c.do(exchange{route: one, path: job, code: 200})
		if body["kind"] == "interpolate" {
			c.do(exchange{route: one + "/animation.gif", path: job + "/animation.gif", code: 200})
			c.do(exchange{route: one + "/animation.gif", path: job + "/animation.gif?delay=0", code: 400, odd: true})
		}
	}
	c.do(exchange{route: one + "/animation.gif", path: job + "/animation.gif", code: 404})
	c.do(exchange{route: "DELETE /api/jobs/{id}", path: job, code: 200})
	c.do(exchange{route: "GET /api/jobs", path: "/api/jobs", code: 200})
	for _, path := range []string{"/api/jobs/none", "/api/jobs/none/events"} {
		c.do(exchange{route: strings.Replace("GET "+path, "none", "{id}", 1), path: path, code: 404})
	}
	c.do(exchange{route: "DELETE /api/jobs/{id}", path: "/api/jobs/none", code: 404})
	for _, body := range []object{
		{}, {"kind": "paint"}, {"kind": "generate", "run": "birds", "prompt": "a", "n": 65}, {"kind": "generate", "run": "birds", "prompt": "a", "n": 0}, {"kind": "generate", "run": "birds", "prompt": "a", "n": -1},
		{"kind": "generate", "run": "birds", "prompt": 7}, {"kind": "generate", "run": "birds", "prompt": "a", "solver": "fast"},
		{"kind": "generate", "run": "birds", "prompt": "a", "colour": "red"}, {"kind": "walk", "run": "pets", "sliders": []float64{7}},
		{"kind": "generate", "run": "birds", "prompt": "a", "temperature": -1}, {"kind": "generate", "run": "birds", "prompt": "a", "top_p": 2},
		{"kind": "generate", "run": "birds", "prompt": "a", "seed": -1}, {"kind": "interpolate", "run": "pets", "from_seed": 1, "to_seed": 2, "frames": 65},
		{"kind": "detect", "run": "scenes", "pictures": [][]byte{bird}, "min_score": 1.5}, {"kind": "detect", "run": "scenes", "pictures": [][]byte{bird}, "min_score": 0},
	} {
		c.do(exchange{route: post, path: "/api/jobs", body: body, code: 400, odd: true})
	}
}

// detect calls the route of detectors.
func (c *contract) detect() {
	c.t.Helper()
	const route, path = "POST /api/runs/{run}/detect", "/api/runs/scenes/detect"
	photo := noisePNG(c.t, 40, 30)
	c.do(exchange{route: route, path: path + "?min_score=0.2", body: photo, code: 200})
	c.do(exchange{route: route, path: path, body: photo, code: 200})
	c.do(exchange{route: route, path: path, body: []byte("no picture"), code: 400})
	c.do(exchange{route: route, path: path + "?min_score=0", body: photo, code: 400, odd: true})
	c.do(exchange{route: route, path: path + "?min_score=2", body: photo, code: 400, odd: true})
	c.do(exchange{route: route, path: path, body: object{}, code: 415, odd: true})
	c.do(exchange{route: route, path: "/api/runs/pets/detect", body: photo, code: 404})
	c.do(exchange{route: route, path: "/api/runs/none/detect", body: photo, code: 404})
}

// images calls the routes of OpenAI's and of Stable Diffusion's clients.
func (c *contract) images() {
	c.t.Helper()
	const route, path = "POST /v1/images/generations", "/v1/images/generations"
	good := []object{
		{"prompt": "a red bird", "model": "birds"}, {"prompt": "a red bird", "n": 2, "size": "32x32", "output_format": "jpeg", "output_compression": 50},
		{"prompt": "dog", "model": "pets", "response_format": "url"}, {"prompt": "a", "quality": "auto", "background": "auto", "moderation": "low", "user": "me"},
	}
	for _, body := range good {
		c.do(exchange{route: route, path: path, body: body, code: 200})
	}
	schema := c.doc.Components.Schemas["ImageEvent"].Value
	stream := c.do(exchange{route: route, path: path, code: 200, body: object{"prompt": "a red bird", "model": "birds", "stream": true, "partial_images": 3}})
	for event := range strings.SplitSeq(strings.TrimSpace(string(stream)), "\n\n") {
		_, data, _ := strings.Cut(event, "\ndata: ")
		var v any
		if err := json.Unmarshal([]byte(data), &v); err != nil {
			c.t.Errorf("%.80s: %v", event, err)
		} else if err := schema.VisitJSON(v); err != nil {
			c.t.Error(err)
		}
	}
	for _, body := range []object{
		{}, {"prompt": ""}, {"prompt": "a", "n": 11}, {"prompt": "a", "n": 0}, {"prompt": "a", "output_format": "webp"}, {"prompt": "a", "quality": "hd"},
		{"prompt": "a", "response_format": "gif"}, {"prompt": "a", "mask": "x"}, {"prompt": "a", "stream": true, "partial_images": 4}, {"prompt": []string{"a"}},
		{"prompt": "a", "size": "big"}, {"prompt": "a", "background": "transparent"}, {"prompt": "a", "style": "vivid"},
	} {
		c.do(exchange{route: route, path: path, body: body, code: 400, odd: true})
	}
	c.do(exchange{route: route, path: path, body: object{"prompt": "a", "size": "3000x3000"}, code: 400})
	c.do(exchange{route: route, path: path, body: object{"prompt": "a", "model": "none"}, code: 404})

	const draw = "/sdapi/v1/txt2img"
	c.do(exchange{route: "POST " + draw, path: draw, code: 200, body: object{
		"prompt": "a red bird", "negative_prompt": "", "batch_size": 2, "n_iter": 1, "seed": -1, "cfg_scale": 2, "steps": 20, "width": 512, "height": 512,
		"override_settings": object{"sd_model_checkpoint": "birds:maskgit"},
	}})
	c.do(exchange{route: "POST " + draw, path: draw, code: 400, body: object{"prompt": "a", "batch_size": 99}, odd: true})
	c.do(exchange{route: "POST " + draw, path: draw, code: 400, body: object{"prompt": "a", "batch_size": 0}, odd: true})
	c.do(exchange{route: "POST " + draw, path: draw, code: 400, body: object{"prompt": "a", "batch_size": 9, "n_iter": 9}})
	c.do(exchange{route: "POST " + draw, path: draw, code: 400, body: object{"prompt": 7}, odd: true})
	c.do(exchange{route: "POST " + draw, path: draw, code: 404, body: object{"prompt": "a", "override_settings": object{"sd_model_checkpoint": "none"}}})
}

// trainings calls the routes of uploads and trainings.
func (c *contract) trainings() {
	c.t.Helper()
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	w, err := z.Create("cat/1.png")
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := w.Write([]byte("a picture")); err != nil {
		c.t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		c.t.Fatal(err)
	}
	const up = "/api/uploads"
	c.do(exchange{route: "POST " + up, path: up + "?name=mine", body: archive.Bytes(), code: 201})
	c.do(exchange{route: "POST " + up, path: up + "?name=mine", body: archive.Bytes(), code: 400})
	c.do(exchange{route: "POST " + up, path: up + "?name=../x", body: archive.Bytes(), code: 400, odd: true})
	c.do(exchange{route: "POST " + up, path: up + "?name=other", body: []byte("no archive"), code: 400})
	c.do(exchange{route: "POST " + up, path: up + "?name=other", body: object{}, code: 415, odd: true})

	const at = "/api/trainings"
	var training struct{ ID string }
	started := c.do(exchange{route: "POST " + at, path: at, code: 202, body: object{"model": "autoencoder", "run": "new", "data": "upload/mine", "size": "small", "steps": 100}})
	if err := json.Unmarshal(started, &training); err != nil {
		c.t.Fatal(err)
	}
	own := at + "/" + training.ID
	c.do(exchange{route: "GET " + at + "/{id}", path: own, code: 200})
	c.do(exchange{route: "POST " + at + "/{id}/resume", path: own + "/resume", code: 409})
	c.stop(own)
	c.change(c.do(exchange{route: "GET " + at + "/{id}/events", path: own + "/events", code: 200})) // until it has ended
	c.do(exchange{route: "GET " + at + "/{id}/events", path: at + "/none/events", code: 404})
	c.do(exchange{route: "POST " + at + "/{id}/stop", path: own + "/stop", code: 409})
	c.do(exchange{route: "POST " + at + "/{id}/resume", path: own + "/resume", code: 200})
	c.stop(own)
	c.do(exchange{route: "GET " + at, path: at, code: 200})
	for _, body := range []object{{}, {"model": "autoencoder", "run": "x", "steps": -1}, {"model": "autoencoder", "run": "x", "epochs": 3}, {"model": "autoencoder", "run": 4}} {
		c.do(exchange{route: "POST " + at, path: at, body: body, code: 400, odd: true})
	}
	for _, body := range []object{
		{"model": "gpt", "run": "x", "size": "small"}, {"model": "autoencoder", "run": "../x", "data": "upload/mine", "size": "small"}, {"model": "autoencoder", "run": "x", "size": "small"},
		{"model": "autoencoder", "run": "pets", "data": "upload/mine", "size": "small"}, {"model": "flow", "run": "none", "size": "small"},
		{"model": "ssd", "run": "x", "data": "birds:1:2000", "size": "small"}, {"model": "autoencoder", "run": "x", "data": "scenes:1:2000", "size": "small"},
		{"model": "autoencoder", "run": "x", "data": "/etc", "size": "small"}, {"model": "autoencoder", "run": "x", "data": "upload/mine", "size": "huge"},
	} {
		c.do(exchange{route: "POST " + at, path: at, body: body, code: 400})
	}
	c.do(exchange{route: "GET " + at + "/{id}", path: at + "/none", code: 404})
}

// change expects the first event of a training to be as described.
func (c *contract) change(events []byte) {
	c.t.Helper()
	event, _, _ := strings.Cut(string(events), "\n\n")
	_, data, ok := strings.Cut(event, "event: change\ndata: ")
	var v any
	if err := json.Unmarshal([]byte(data), &v); err != nil || !ok {
		c.t.Fatalf("%.80s: %v", event, err)
	}
	if err := c.doc.Components.Schemas["TrainingChange"].Value.VisitJSON(v); err != nil {
		c.t.Error(err)
	}
}

// stop stops a training and waits for its end.
func (c *contract) stop(own string) {
	c.t.Helper()
	wait := func(state, message string) {
		c.t.Helper()
		for range 2000 {
			var s struct{ State, Message string }
			if err := json.Unmarshal(c.do(exchange{route: "GET /api/trainings/{id}", path: own, code: 200}), &s); err != nil {
				c.t.Fatal(err)
			}
			if s.State == state && s.Message == message {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		c.t.Fatalf("the training never says %q in state %s", message, state)
	}
	wait("running", "step 1")
	c.do(exchange{route: "POST /api/trainings/{id}/stop", path: own + "/stop", code: 200})
	wait("stopped", "interrupted at step 1")
}

// TestRefusals expects a request without the token to get an error in the form of its route.
func TestRefusals(t *testing.T) {
	c := newContract(t, nil)
	guarded := serve(t, func(o *Options) { o.Token = "secret" })
	c.url = guarded.url
	for _, path := range []string{"/api/jobs", "/v1/models", "/sdapi/v1/options"} {
		c.do(exchange{route: "GET " + path, path: path, code: 401})
	}
}
