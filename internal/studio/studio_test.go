package studio

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image/png"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/internal/studio/studiotest"
	"github.com/bestiary-ml/bestiary/internal/testdevice"
	"github.com/bestiary-ml/bestiary/tensor"
)

// server is a running server.
type server struct {
	t    *testing.T
	url  string
	runs string
	stop func() // as SIGTERM does
	done chan error
}

func device(t *testing.T) *tensor.Device {
	t.Helper()
	d, err := testdevice.Open(t, tensor.DeviceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// serve starts a server of small models.
func serve(t *testing.T, change func(*Options)) *server {
	t.Helper()
	d := device(t)
	s := &server{t: t, runs: t.TempDir(), done: make(chan error, 1)}
	if err := studiotest.Runs(s.runs, d); err != nil {
		t.Fatal(err)
	}
	o := Options{Runs: s.runs, Program: "none", Version: "test"}
	if change != nil {
		change(&o)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.url, s.stop = "http://"+l.Addr().String(), cancel
	own := New(d, o)
	go func() { s.done <- own.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-s.done; err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return s
}

// call sends a request and returns the status and the body.
func (s *server) call(method, path string, body any, header ...string) (int, []byte, http.Header) {
	s.t.Helper()
	var r io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		r = bytes.NewReader(raw)
	}
	q, err := http.NewRequest(method, s.url+path, r)
	if err != nil {
		s.t.Fatal(err)
	}
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			q.Host = header[i+1]
		}
		q.Header.Set(header[i], header[i+1])
	}
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		s.t.Fatal(err)
	}
	defer a.Body.Close()
	raw, err := io.ReadAll(a.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return a.StatusCode, raw, a.Header
}

type object = map[string]any

// run submits a job and waits for it.
func (s *server) run(ask object) object {
	s.t.Helper()
	code, raw, header := s.call("POST", "/api/jobs", ask)
	if code != http.StatusAccepted {
		s.t.Fatalf("%v: %d %s", ask, code, raw)
	}
	for range 600 {
		code, raw, _ := s.call("GET", header.Get("Location"), nil)
		var job object
		if code != http.StatusOK || json.Unmarshal(raw, &job) != nil {
			s.t.Fatalf("%d %s", code, raw)
		}
		switch job["state"] {
		case "done":
			return job
		case "failed", "cancelled":
			s.t.Fatalf("%v: %s", ask, raw)
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.t.Fatalf("%v doesn't end", ask)
	return nil
}

func picture(t *testing.T, s *server, job object, i int) []byte {
	t.Helper()
	code, raw, header := s.call("GET", job["pictures"].([]any)[i].(object)["url"].(string), nil)
	if _, err := png.Decode(bytes.NewReader(raw)); code != http.StatusOK || err != nil || header.Get("Content-Type") != "image/png" {
		t.Fatalf("%d, %v", code, err)
	}
	return raw
}

func TestOpenAIRoutes(t *testing.T) {
	s := serve(t, nil)
	code, raw, _ := s.call("GET", "/v1/models", nil)
	var list struct{ Data []struct{ ID string } }
	if err := json.Unmarshal(raw, &list); err != nil || code != 200 || fmt.Sprint(list.Data) != "[{birds} {birds:dalle} {birds:maskgit} {pets}]" {
		t.Fatalf("%d %s", code, raw)
	}
	ask := object{"model": "birds", "prompt": "a small red bird", "n": 2, "seed": 3}
	draw := func(ask object) []string {
		t.Helper()
		code, raw, _ := s.call("POST", "/v1/images/generations", ask)
		var answer struct {
			Data []struct {
				B64 string `json:"b64_json"`
			}
		}
		if err := json.Unmarshal(raw, &answer); err != nil || code != 200 {
			t.Fatalf("%d %s", code, raw)
		}
		var all []string
		for _, d := range answer.Data {
			all = append(all, d.B64)
		}
		return all
	}
	first := draw(ask)
	if again := draw(ask); len(first) != 2 || first[0] == first[1] || again[0] != first[0] {
		t.Error("pictures depend on something else than the seed")
	}
	ask["size"] = "64x64"
	raw, _ = base64.StdEncoding.DecodeString(draw(ask)[0])
	if img, err := png.Decode(bytes.NewReader(raw)); err != nil || img.Bounds().Dx() != 64 {
		t.Errorf("a picture of 64×64 is wrong: %v", err)
	}
	if all := draw(object{"model": "pets", "prompt": "dog"}); len(all) != 1 {
		t.Error("no picture of a class")
	}
	for field, ask := range map[string]object{
		"prompt": {}, "n": {"prompt": "a", "n": 99}, "size": {"prompt": "a", "size": "3x4"}, "quality": {"prompt": "a", "quality": "hd"},
		"partial_images": {"prompt": "a", "stream": true, "partial_images": 9}, "nonsense": {"prompt": "a", "nonsense": 1},
	} {
		code, raw, _ := s.call("POST", "/v1/images/generations", ask)
		var wrong struct {
			Error struct{ Message, Type, Param string }
		}
		if err := json.Unmarshal(raw, &wrong); err != nil || code != 400 || wrong.Error.Param != field || wrong.Error.Type != "invalid_request_error" {
			t.Errorf("%v: %d %s", ask, code, raw)
		}
	}
	if code, raw, _ := s.call("POST", "/v1/images/generations", object{"prompt": "a", "model": "dall-e-3"}); code != 404 {
		t.Errorf("%d %s", code, raw)
	}
}

func TestOpenAIStream(t *testing.T) {
	s := serve(t, nil)
	code, raw, header := s.call("POST", "/v1/images/generations", object{"model": "birds", "prompt": "a red bird", "stream": true, "partial_images": 2, "seed": 1})
	if code != 200 || header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %s", code, raw)
	}
	events := strings.Split(strings.TrimSpace(string(raw)), "\n\n")
	last := events[len(events)-1]
	if !strings.HasPrefix(last, "event: image_generation.completed\ndata: {") || len(events) != 3 {
		t.Errorf("%d events, the last one %.60s", len(events), last)
	}
	for _, e := range events[:len(events)-1] {
		if !strings.Contains(e, `"partial_image_index":`) {
			t.Errorf("event %.80s", e)
		}
	}
}

// TestJobs asks for every kind of job.
func TestJobs(t *testing.T) {
	s := serve(t, nil)
	drawn := s.run(object{"kind": "generate", "run": "birds", "prompt": "a blue bird", "n": 2, "seed": 5, "temperature": 0.9, "top_k": 6, "guidance": 2, "rank": 4, "previews": -1})
	bird := picture(t, s, drawn, 1)
	if p := drawn["pictures"].([]any)[0].(object); p["score"] == nil || p["seed"] != 5.0 {
		t.Errorf("%v", p)
	}
	s.run(object{"kind": "generate", "run": "birds", "model": "maskgit", "prompts": []string{"a", "b"}, "steps": 3, "prime": bird, "prime_rows": 1})
	s.run(object{"kind": "generate", "run": "birds", "model": "maskgit", "prompt": "a", "prime": bird, "repaint": []int{4, 4, 8, 4}})
	if job := s.run(object{"kind": "nearest", "run": "birds", "pictures": [][]byte{bird}}); len(job["pictures"].([]any)) != 3 {
		t.Errorf("%v", job)
	}
	sampled := s.run(object{"kind": "sample", "run": "pets", "class": "dog", "n": 3, "seed": 1})
	pet := picture(t, s, sampled, 0)
	if sampled["pictures"].([]any)[0].(object)["log_density"] == nil {
		t.Error("no density")
	}
	s.run(object{"kind": "walk", "run": "pets", "seed": 1, "sliders": []float64{1, -2}})
	s.run(object{"kind": "interpolate", "run": "pets", "from": pet, "to_seed": 4, "to_class": "dog", "frames": 5})
	s.run(object{"kind": "reconstruct", "run": "pets", "pictures": [][]byte{pet, bird}})
	values := s.run(object{"kind": "density", "run": "pets", "pictures": [][]byte{pet}})["values"].(object)
	if len(values["classes"].([]any)) != 2 || len(values["log_density"].([]any)) != 1 {
		t.Errorf("%v", values)
	}
	for field, ask := range map[string]object{
		"kind": {"kind": "paint"}, "frames": {"kind": "interpolate", "run": "pets", "from_seed": 1, "to_seed": 2, "frames": 1},
		"top_k": {"kind": "sample", "run": "pets", "top_k": 3}, "temperature": {"kind": "generate", "run": "birds", "prompt": "a", "temperature": -1},
		"pictures[0]": {"kind": "density", "run": "pets", "pictures": [][]byte{[]byte("no picture")}}, "n": {"kind": "sample", "run": "pets", "n": "many"},
		"prime_rows": {"kind": "generate", "run": "birds", "prompt": "a", "prime_rows": 2}, "repaint": {"kind": "generate", "run": "birds", "model": "maskgit", "prompt": "a", "prime": bird, "repaint": []int{4, 4, 80, 4}}, "sliders": {"kind": "walk", "run": "pets", "sliders": []int{99}},
	} {
		code, raw, header := s.call("POST", "/api/jobs", ask)
		var wrong struct{ Title, Detail, Field string }
		if err := json.Unmarshal(raw, &wrong); err != nil || code != 400 || wrong.Field != field || header.Get("Content-Type") != "application/problem+json" || wrong.Title == "" {
			t.Errorf("%v: %d %s", ask, code, raw)
		}
	}
}

// TestEvents follows a job to its end.
func TestEvents(t *testing.T) {
	s := serve(t, nil)
	_, _, header := s.call("POST", "/api/jobs", object{"kind": "generate", "run": "birds", "prompt": "a", "previews": -1, "n": 4})
	_, raw, _ := s.call("GET", header.Get("Location")+"/events", nil)
	events := strings.Split(strings.TrimSpace(string(raw)), "\n\n")
	if last := events[len(events)-1]; !strings.Contains(last, `"state":"done"`) || !strings.HasPrefix(last, "event: state\ndata: {") {
		t.Errorf("the last event is %.100s", last)
	}
}

// TestDamagedRun lists a run with what is wrong with it, and serves the others.
func TestDamagedRun(t *testing.T) {
	s := serve(t, nil)
	_, raw, _ := s.call("GET", "/api/runs/broken", nil)
	var about struct{ Problem string }
	if err := json.Unmarshal(raw, &about); err != nil || !strings.Contains(about.Problem, "dalle.safetensors") || strings.Contains(string(raw), s.runs) {
		t.Errorf("%s", raw)
	}
	code, raw, _ := s.call("POST", "/api/jobs", object{"kind": "generate", "run": "broken", "prompt": "a"})
	if code != http.StatusConflict || !strings.Contains(string(raw), "damaged") || strings.Contains(string(raw), s.runs) {
		t.Errorf("%d %s", code, raw)
	}
	// Damage that shows only when the run is opened: then others take its place.
	first := filepath.Join(s.runs, "a-first")
	defer os.RemoveAll(first)
	if err := os.CopyFS(first, os.DirFS(filepath.Join(s.runs, "birds"))); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(first, "dalle.safetensors")
	weights, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(weights[len(weights)-8:], "nonsense")
	if err := os.WriteFile(path, weights, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 100 { // until the new folder is seen
		if code, _, _ = s.call("POST", "/sdapi/v1/txt2img", object{"prompt": "a"}); code != http.StatusOK {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if code != http.StatusConflict {
		t.Errorf("the damaged run gives %d", code)
	}
	for _, route := range []string{"/sdapi/v1/txt2img", "/v1/images/generations"} {
		if code, raw, _ := s.call("POST", route, object{"prompt": "a"}); code != http.StatusOK {
			t.Errorf("%s after the damaged run: %d %s", route, code, raw)
		}
	}
}

func TestStableDiffusionRoutes(t *testing.T) {
	s := serve(t, nil)
	code, raw, _ := s.call("POST", "/sdapi/v1/txt2img", object{"prompt": "a red bird", "batch_size": 2, "seed": 7, "sampler_name": "Euler", "override_settings": object{"sd_model_checkpoint": "birds:maskgit"}})
	var answer struct {
		Images []string
		Info   string
	}
	if err := json.Unmarshal(raw, &answer); err != nil || code != 200 || len(answer.Images) != 2 || !strings.Contains(answer.Info, `"ignored":["sampler_name"]`) || !strings.Contains(answer.Info, `"all_seeds":[7,8]`) {
		t.Errorf("%d %s", code, raw)
	}
	second := answer.Images[len(answer.Images)-1] // is drawn again by its seed
	code, raw, _ = s.call("POST", "/sdapi/v1/txt2img", object{"prompt": "a red bird", "seed": 8, "override_settings": object{"sd_model_checkpoint": "birds:maskgit"}})
	if err := json.Unmarshal(raw, &answer); err != nil || code != 200 || len(answer.Images) != 1 || answer.Images[0] != second {
		t.Errorf("%d %s", code, raw)
	}
	code, raw, _ = s.call("POST", "/sdapi/v1/txt2img", object{"prompt": "a", "send_images": false, "override_settings": object{"eta": 1}})
	if err := json.Unmarshal(raw, &answer); err != nil || code != 200 || len(answer.Images) != 0 || !strings.Contains(answer.Info, `"ignored":["override_settings.eta"]`) {
		t.Errorf("%d %s", code, raw)
	}
	if code, raw, _ := s.call("GET", "/sdapi/v1/progress", nil); code != 200 || !strings.Contains(string(raw), `"progress":0`) {
		t.Errorf("%d %s", code, raw)
	}
}

// TestThousandClients sends requests at once. Each gets its own picture, or is refused with the time to come again.
func TestThousandClients(t *testing.T) {
	s := serve(t, func(o *Options) { o.Queue = 400 })
	want := map[int]string{}
	for seed := range 8 {
		_, raw, _ := s.call("POST", "/v1/images/generations", object{"model": "birds", "prompt": "a red bird", "seed": seed})
		want[seed] = dataOf(raw)
	}
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1000, MaxIdleConns: 1000}}
	defer client.CloseIdleConnections()
	var mu sync.Mutex
	var all sync.WaitGroup
	answered, refused := 0, 0
	for i := range 1000 {
		all.Go(func() {
			body := fmt.Sprintf(`{"model":"birds","prompt":"a red bird","seed":%d}`, i%8)
			a, err := client.Post(s.url+"/v1/images/generations", "application/json", strings.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			defer a.Body.Close()
			raw, err := io.ReadAll(a.Body)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				t.Error(err)
			case a.StatusCode == 200:
				if answered++; dataOf(raw) != want[i%8] {
					t.Error("a client has got the picture of another one")
				}
			case a.StatusCode == 429 && a.Header.Get("Retry-After") != "":
				refused++
			default:
				t.Errorf("%d %s", a.StatusCode, raw)
			}
		})
	}
	all.Wait()
	if answered+refused != 1000 || answered < 400 {
		t.Errorf("%d answered, %d refused", answered, refused)
	}
	t.Logf("%d answered, %d refused", answered, refused)
}

func dataOf(raw []byte) string {
	_, rest, _ := strings.Cut(string(raw), `"data"`)
	return rest
}

// TestShutdown ends a server with jobs that run and wait: those that run finish, those that wait are answered.
func TestShutdown(t *testing.T) {
	s := serve(t, func(o *Options) { o.Batch = 1 })
	var all sync.WaitGroup
	var mu sync.Mutex
	codes := map[int]int{}
	for i := range 20 {
		all.Go(func() {
			body := fmt.Sprintf(`{"model":"birds","prompt":"a bird","n":10,"seed":%d}`, i)
			a, err := http.Post(s.url+"/v1/images/generations", "application/json", strings.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			defer a.Body.Close()
			if _, err := io.Copy(io.Discard, a.Body); err != nil {
				t.Error(err)
			}
			mu.Lock()
			codes[a.StatusCode]++
			mu.Unlock()
		})
	}
	for { // until the server has read all requests: a connection that it has not read yet is closed without an answer
		_, raw, _ := s.call("GET", "/healthz", nil)
		var health struct{ Waiting, Running int }
		if err := json.Unmarshal(raw, &health); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		mu.Lock()
		answered := codes[200]
		mu.Unlock()
		if answered == 20 || answered+health.Waiting+health.Running >= 20 && health.Running == 1 && health.Waiting > 0 {
			break
		}
	}
	s.stop()
	all.Wait()
	if codes[200] == 0 || codes[503] == 0 || codes[200]+codes[503] != 20 {
		t.Errorf("statuses %v", codes)
	}
}
