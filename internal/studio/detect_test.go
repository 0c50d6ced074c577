package studio

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/eval/detection"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/studio/studiotest"
	"github.com/bestiary-ml/bestiary/internal/studio/work"
	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/ssd"
	"github.com/bestiary-ml/bestiary/tensor"
)

// noise is a picture of random colours.
func noise(width, height int) *image.NRGBA {
	img, r := image.NewNRGBA(image.Rect(0, 0, width, height)), rand.New(rand.NewPCG(1, 2))
	for y := range height {
		for x := range width {
			img.Set(x, y, color.NRGBA{uint8(r.IntN(256)), uint8(r.IntN(256)), uint8(r.IntN(256)), 255})
		}
	}
	return img
}

func noisePNG(t *testing.T, width, height int) []byte {
	t.Helper()
	var file bytes.Buffer
	if err := png.Encode(&file, noise(width, height)); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// post sends a file to be looked at by the detector of a run.
func (s *server) post(path, kind string, body io.Reader) (int, []byte) {
	s.t.Helper()
	a, err := http.Post(s.url+path, kind, body)
	if err != nil {
		s.t.Fatal(err)
	}
	defer a.Body.Close()
	raw, err := io.ReadAll(a.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return a.StatusCode, raw
}

// TestDetect compares what the route and a job find with what the pipeline finds.
func TestDetect(t *testing.T) {
	s := serve(t, nil)
	detector, err := sample.OpenDetector(t.Context(), filepath.Join(s.runs, "scenes"), device(t))
	if err != nil {
		t.Fatal(err)
	}
	photo := boxes.NewImage(noise(80, 50))
	found, err := detector.Detect(t.Context(), []*boxes.Image{photo})
	if err != nil {
		t.Fatal(err)
	}
	scores := found[0]
	least := (scores[2].Score + scores[3].Score) / 2 // three objects
	want := detection.Results(1, detector.IDs(), scores[:3])
	check := func(what string, got work.Found, image int64) {
		t.Helper()
		var own []work.Detection
		for _, d := range got.Detections {
			if d.Image == image {
				own = append(own, d)
			}
		}
		if len(own) != 3 || got.Images[image-1] != (work.Image{ID: image, Width: 80, Height: 50}) || len(got.Categories) != 3 || got.Categories[1] != (work.Category{ID: 17, Name: "cat"}) {
			t.Fatalf("%s: %+v", what, got)
		}
		for i, d := range own {
			name := detector.Classes()[scores[i].Class]
			if d.Result.Category != want[i].Category || d.Category != name || math.Abs(d.Score-want[i].Score) > 1e-6 || math.Abs(d.Box[2]-want[i].Box[2]) > 1e-3 {
				t.Errorf("%s: %+v, want %+v of a %s", what, d, want[i], name)
			}
		}
	}
	file := noisePNG(t, 80, 50)
	query := func(v float64) string {
		text, _ := json.Marshal(v)
		return "?min_score=" + string(text)
	}
	code, raw := s.post("/api/runs/scenes/detect"+query(least), "image/png", bytes.NewReader(file))
	var got work.Found
	if err := json.Unmarshal(raw, &got); err != nil || code != http.StatusOK {
		t.Fatalf("%d %s", code, raw)
	}
	check("the route", got, 1)
	path := filepath.Join(t.TempDir(), "results.json")
	write(t, path, got)
	if all, err := detection.ReadResults(path); err != nil || len(all) != 3 {
		t.Errorf("the detections are not in COCO's form: %v", err)
	}
	values, err := json.Marshal(s.run(object{"kind": "detect", "run": "scenes", "pictures": [][]byte{file, file}, "min_score": least})["values"])
	if err != nil {
		t.Fatal(err)
	}
	var both work.Found
	if err := json.Unmarshal(values, &both); err != nil || len(both.Images) != 2 {
		t.Fatalf("%s", values)
	}
	check("the first picture of a job", both, 1)
	check("the second", both, 2)
	if code, raw := s.post("/api/runs/scenes/detect?min_score=1", "image/png", bytes.NewReader(file)); code != http.StatusOK || !strings.Contains(string(raw), `"detections":[]`) {
		t.Errorf("nothing to find: %d %s", code, raw)
	}
}

// write writes detections as a file of results.
func write(t *testing.T, path string, f work.Found) {
	t.Helper()
	var all []detection.Result
	for _, d := range f.Detections {
		all = append(all, d.Result)
	}
	var b bytes.Buffer
	if err := detection.WriteResults(&b, all); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDetectMistakes sends what is no picture, what is too large, and parameters that are wrong.
func TestDetectMistakes(t *testing.T) {
	s := serve(t, nil)
	file := noisePNG(t, 20, 20)
	for _, x := range []struct {
		path, kind string
		body       []byte
		code       int
		field      string
		detail     string
	}{
		{"/api/runs/scenes/detect", "image/png", []byte("no picture"), 400, "the body", "the body: is not a picture that can be used"},
		{"/api/runs/scenes/detect", "image/png", file[:len(file)/2], 400, "the body", "the body: is not a picture that can be used"},
		{"/api/runs/scenes/detect", "image/png", nil, 400, "the body", "the body: must be a picture: a JPEG, PNG, GIF, WebP or BMP file"},
		{"/api/runs/scenes/detect", "image/png", bombPNG(), 400, "the body", "60000×60000 pixels, more than the 50 million"},
		{"/api/runs/scenes/detect", "image/png", make([]byte, 33<<20), 413, "", "the body is larger than 32 MB"},
		{"/api/runs/scenes/detect", "application/json", []byte("{}"), 415, "", "the body must be a picture"},
		{"/api/runs/scenes/detect?min_score=1.1", "image/png", file, 400, "min_score", "min_score: must be above 0 and at most 1"},
		{"/api/runs/scenes/detect?min_score=NaN", "image/png", file, 400, "min_score", "min_score: must be above 0 and at most 1"},
		{"/api/runs/scenes/detect?min_score=", "image/png", file, 400, "min_score", "min_score: must be above 0 and at most 1"},
		{"/api/runs/scenes/detect?min-score=0.2", "image/png", file, 400, "min-score", "min-score: is no parameter of this route"},
		{"/api/runs/birds/detect", "image/png", file, 404, "run", `run "birds" has no detector`},
		{"/api/runs/none/detect", "image/png", file, 404, "run", `there is no run "none"`},
	} {
		code, raw := s.post(x.path, x.kind, bytes.NewReader(x.body))
		var d struct{ Detail, Field string }
		if err := json.Unmarshal(raw, &d); err != nil || code != x.code || d.Field != x.field || !strings.Contains(d.Detail, x.detail) {
			t.Errorf("%s with %.20q: %d %.300s", x.path, x.body, code, raw)
		}
	}
	code, raw, _ := s.call("POST", "/api/jobs", object{"kind": "detect", "run": "scenes", "pictures": [][]byte{file[:len(file)/2]}})
	if code != http.StatusAccepted {
		t.Errorf("a picture that ends early shows when it is decoded: %d %s", code, raw)
	}
}

// TestDetectorOfRun lists a run with its classes and its mean average precision.
func TestDetectorOfRun(t *testing.T) {
	s := serve(t, nil)
	code, raw, _ := s.call("GET", "/api/runs/scenes", nil)
	var about struct {
		Detector *struct {
			Classes []string
			Size    int
			MAP50   *float64
			Data    string
			Boxes   int
		}
		Problem string
	}
	if err := json.Unmarshal(raw, &about); err != nil || code != http.StatusOK || about.Problem != "" || about.Detector == nil {
		t.Fatalf("%d %s", code, raw)
	}
	d := about.Detector
	if strings.Join(d.Classes, " ") != "bird cat dog" || d.Size != 64 || d.MAP50 == nil || *d.MAP50 != studiotest.MAP50 || d.Data != "scenes:1:40" || d.Boxes != 90 {
		t.Errorf("%s", raw)
	}
	if _, raw, _ := s.call("GET", "/api/runs/pets", nil); strings.Contains(string(raw), `"detector"`) {
		t.Errorf("a run without a detector has %s", raw)
	}
}

// TestNearestOfSubjects finds the nearest of training pictures that a detector has cut out.
func TestNearestOfSubjects(t *testing.T) {
	s := serve(t, nil)
	d := device(t)
	m, err := ssd.New(d, ssd.VOC(ssd.Small, 64, 3), tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range nn.Params(m) { // all that it finds is a bird for sure
		if strings.Contains(p.Path, "classification_head") && p.Tensor.Rank() == 1 {
			values := p.Tensor.Values() // [priors of a place · classes with the background]
			for i := range values {
				values[i] = map[bool]float32{true: 9, false: 0}[i%4 == 1]
			}
			p.Tensor.Set(values)
		}
	}
	scenes, err := run.Open(filepath.Join(s.runs, "scenes"))
	if err != nil {
		t.Fatal(err)
	}
	if err := scenes.SaveWeights(models.SSD.Name, weights.Of(m), nil); err != nil {
		t.Fatal(err)
	}
	photos := t.TempDir()
	for i, class := range []string{"cat", "dog"} {
		if err := os.Mkdir(filepath.Join(photos, class), 0o700); err != nil {
			t.Fatal(err)
		}
		for k := range 3 {
			if err := os.WriteFile(filepath.Join(photos, class, string('a'+rune(k))+".png"), noisePNG(t, 60+20*k, 60+30*i), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	pets, err := run.Open(filepath.Join(s.runs, "pets"))
	if err != nil {
		t.Fatal(err)
	}
	about := toy.PetData()
	about.Path, about.Pictures, about.Split, about.Resize = photos, 6, "all", "detector:"+filepath.Join(s.runs, "scenes")
	if err := pets.SetData(about); err != nil {
		t.Fatal(err)
	}
	job := s.run(object{"kind": "nearest", "run": "pets", "pictures": [][]byte{noisePNG(t, 32, 32)}})
	if len(job["pictures"].([]any)) != 3 {
		t.Errorf("%v", job)
	}
	about.Resize = "detector:" + filepath.Join(s.runs, "birds")
	if err := pets.SetData(about); err != nil {
		t.Fatal(err)
	}
	code, raw, header := s.call("POST", "/api/jobs", object{"kind": "nearest", "run": "pets", "pictures": [][]byte{noisePNG(t, 32, 32)}})
	if code != http.StatusAccepted {
		t.Fatalf("%d %s", code, raw)
	}
	if _, raw, _ = s.call("GET", header.Get("Location")+"/events", nil); !strings.Contains(string(raw), "the training pictures can't be read") || strings.Contains(string(raw), s.runs) {
		t.Errorf("a run without a detector: %s", raw)
	}
}
