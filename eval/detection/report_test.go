package detection

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/sample/layout"
)

// scored returns scenes with their objects as detections, some of them wrong: mirrored, of another class, moved, doubled.
func scored(t *testing.T, n int) (*boxes.Set, []Picture) {
	t.Helper()
	s, err := boxes.Open(boxes.ScenesPath(2, n), boxes.Options{Split: "trainval"})
	if err != nil {
		t.Fatal(err)
	}
	pictures := make([]Picture, n)
	k := 0
	for i, p := range s.Pictures {
		pictures[i].Objects = p.Objects
		for _, o := range p.Objects {
			d := detect.Detection{Class: o.Class, Box: o.Box, Score: 0.95 - 0.01*float64(k%60)}
			switch k++; k % 7 {
			case 1:
				d.Class = (d.Class + 1) % 3
			case 2:
				d.Box = d.Box.Shift(0.5*d.Box.Width(), 0)
			case 3:
				d.Box = d.Box.Shift(1000, 0)
			case 4:
				pictures[i].Detections = append(pictures[i].Detections, detect.Detection{Class: o.Class, Box: o.Box.Shift(1, 1), Score: 0.2})
			case 5:
				continue
			}
			pictures[i].Detections = append(pictures[i].Detections, d)
		}
	}
	return s, pictures
}

func TestReport(t *testing.T) {
	f := golden.Read(t, "testdata/golden.safetensors")
	r, err := NewReport(random(t, f, false), names)
	if err != nil {
		t.Fatal(err)
	}
	stats := rows(t, f, "stats")[0]
	for i, got := range []*float64{r.COCO.AP, r.COCO.AP50, r.COCO.AP75, r.COCO.APSmall, r.COCO.APMedium, r.COCO.APLarge,
		r.COCO.AR1, r.COCO.AR10, r.COCO.AR100, r.COCO.ARSmall, r.COCO.ARMedium, r.COCO.ARLarge} {
		near(t, fmt.Sprintf("statistic %d", i), *got, stats[i])
	}
	if last := r.Classes[3]; last.Area != nil || last.COCO != nil || last.Objects != 0 {
		t.Errorf("a class without objects: %+v", last)
	}
	text, err := json.Marshal(r)
	if err != nil || !bytes.Contains(text, []byte(`"ap_voc2007":null`)) {
		t.Errorf("%s, %v", text, err)
	}
	if table := r.String(); strings.Count(table, "\n") != 6 || !strings.Contains(table, "mean") || !strings.Contains(table, "–") {
		t.Error(table)
	}
	path := filepath.Join(t.TempDir(), "curves.png")
	if err := r.Plot(path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() < 1000 {
		t.Error(err)
	}
	empty, err := NewReport(nil, names)
	if err != nil {
		t.Fatal(err)
	}
	if err := empty.Plot(path); err == nil {
		t.Error("curves of nothing")
	}
}

func TestMistakes(t *testing.T) {
	at := func(x float64) boxes.Box { return boxes.FromSize(x, 0, 10, 10) }
	p := []Picture{{
		Objects: []boxes.Object{{Box: at(0)}, {Box: at(100)}, {Box: at(200), Difficult: true}, {Box: boxes.FromSize(300, 0, 20, 20), Class: 1}},
		Detections: []detect.Detection{
			{Box: at(200), Score: 0.9}, // of the difficult object
			{Box: at(1), Score: 0.8},   // right
			{Box: at(0), Score: 0.7},
			{Box: at(500), Score: 0.6},
			{Box: at(106), Score: 0.5},
			{Box: boxes.FromSize(300, 0, 20, 19), Score: 0.95},
			{Box: at(100), Score: 0.1}, // right, but below the least score
		},
	}}
	wrong, missed, err := Mistakes(p, []string{"x", "y"}, MistakeOptions{Score: 0.3})
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, m := range append(wrong, missed...) {
		kinds = append(kinds, m.caption([]string{"x", "y"}))
	}
	want := "x 0.95: is a y, x 0.70: found twice, x 0.60: background, x 0.50: IoU 0.25, y missed, x missed: IoU 0.25"
	if got := strings.Join(kinds, ", "); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	var field *fault.FieldError
	for _, o := range []MistakeOptions{{IoU: 2}, {Score: -1}, {Score: math.NaN()}} {
		if _, _, err := Mistakes(p, []string{"x", "y"}, o); !errors.As(err, &field) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestMistakePage(t *testing.T) {
	s, pictures := scored(t, 40)
	wrong, missed, err := Mistakes(pictures, s.Classes, MistakeOptions{})
	if err != nil || len(wrong) == 0 || len(missed) == 0 {
		t.Fatal(len(wrong), len(missed), err)
	}
	read := func(i int) (*boxes.Image, string, error) {
		m, err := s.Pictures[i].Read()
		return m, s.Pictures[i].Name, err
	}
	page, err := MistakePage(wrong, missed, s.Classes, read)
	if err != nil || page.Bounds().Dx() < pageColumns*pageCell {
		t.Fatal(err)
	}
	if path := os.Getenv("BESTIARY_MISTAKES"); path != "" {
		if err := layout.SavePNG(path, page); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := MistakePage(nil, nil, s.Classes, read); err == nil {
		t.Error("a page of nothing")
	}
	if _, err := MistakePage(wrong, missed, nil, read); err == nil {
		t.Error("no classes")
	}
}

func TestResults(t *testing.T) {
	s, pictures := scored(t, 6)
	var all []Result
	for i, p := range s.Pictures {
		all = append(all, Results(p.ID, s.IDs, pictures[i].Detections)...)
	}
	path := filepath.Join(t.TempDir(), "results.json")
	var b bytes.Buffer
	if err := WriteResults(&b, all); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	read, err := ReadResults(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Assign(s, read)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range again {
		if len(p.Objects) != len(pictures[i].Objects) || len(p.Detections) != len(pictures[i].Detections) {
			t.Fatalf("picture %d: %+v", i, p)
		}
		for k, d := range p.Detections {
			was := pictures[i].Detections[k]
			if d.Class != was.Class || d.Score != was.Score || math.Abs(d.Box.X1-was.Box.X1) > 1e-9 || math.Abs(d.Box.Y1-was.Box.Y1) > 1e-9 {
				t.Errorf("%+v became %+v", was, d)
			}
		}
	}
	for content, want := range map[string]string{
		"":                          "1: ends too early",
		"{}":                        "1: is no list of results",
		"[\n{\"image_id\": 1}\n]":   "2: has a result without",
		"[\n1\n]":                   "2: has a number where",
		"[\n\n{\"image_id\": x}\n]": "3: is not well-formed JSON",
		"[{\"image_id\": 1, \"category_id\": 1, \"score\": 1, \"bbox\": [1, 2]}]":              "1: has a bbox of 2 numbers",
		"[{\"image_id\": 1, \"category_id\": 1, \"score\": 1, \"bbox\": [1, 2, 3, 4]},\n":      "2: ends too early",
		"[\n{\"image_id\": 99, \"category_id\": 1, \"score\": 1, \"bbox\": [1, 2, 3, 4]}]":     "2: names image id 99",
		"[{\"image_id\": 1,\n \"category_id\": 77, \"score\": 1, \"bbox\": [1, 2, 3, 4]}\n]\n": "1: names category id 77",
	} {
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		read, err := ReadResults(path)
		if err == nil {
			_, err = Assign(s, read)
		}
		if err == nil || !strings.Contains(err.Error(), "results.json:"+want) {
			t.Errorf("%q: %v, want %s", content, err, want)
		}
	}
	b.Reset()
	if err := WriteResults(&b, []Result{{Score: math.NaN()}}); err == nil || b.Len() > 0 {
		t.Error("a score that is not a number is written")
	}
	if err := WriteResults(&b, nil); err != nil || strings.Join(strings.Fields(b.String()), "") != "[]" {
		t.Errorf("%q, %v", b.String(), err)
	}
}

// TestPycocotools has pycocotools read a set and results that we write, and compares its figures. BESTIARY_PYTORCH names a Python
// that has it.
func TestPycocotools(t *testing.T) {
	python := os.Getenv("BESTIARY_PYTORCH")
	if python == "" || exec.Command(python, "-c", "import pycocotools").Run() != nil {
		t.Skip("BESTIARY_PYTORCH names no Python with pycocotools")
	}
	s, pictures := scored(t, 60)
	s.IDs = []int64{16, 17, 18}
	var all []Result
	for i, p := range s.Pictures {
		all = append(all, Results(p.ID, s.IDs, pictures[i].Detections)...)
	}
	dir := t.TempDir()
	for name, write := range map[string]func(b *bytes.Buffer) error{
		"set.json":     func(b *bytes.Buffer) error { return s.WriteCOCO(b) },
		"results.json": func(b *bytes.Buffer) error { return WriteResults(b, all) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	script := `
import sys
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
truth = COCO(sys.argv[1] + "/set.json")
e = COCOeval(truth, truth.loadRes(sys.argv[1] + "/results.json"), "bbox")
e.evaluate(); e.accumulate(); e.summarize()
print("stats", *[repr(float(v)) for v in e.stats])
`
	printed, err := exec.Command(python, "-c", script, dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, printed)
	}
	r, err := COCO(pictures, s.Classes)
	if err != nil {
		t.Fatal(err)
	}
	line := string(printed[bytes.LastIndex(printed, []byte("stats "))+6:])
	want := make([]float64, 12)
	fields := strings.Fields(line)
	for i := range want {
		if _, err := fmt.Sscan(fields[i], &want[i]); err != nil {
			t.Fatal(err)
		}
	}
	for i, got := range []float64{r.AP, r.AP50, r.AP75, r.APSmall, r.APMedium, r.APLarge, r.AR1, r.AR10, r.AR100, r.ARSmall, r.ARMedium, r.ARLarge} {
		near(t, fmt.Sprintf("statistic %d", i), got, want[i])
	}
}
