package detection

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/data/mask"
	"github.com/bestiary-ml/bestiary/detect"
)

func TestCOCOMasks(t *testing.T) {
	content, err := os.ReadFile("testdata/masks.json")
	if err != nil {
		t.Fatal(err)
	}
	var g struct {
		Images []struct {
			ID, Width, Height int
		}
		Annotations []struct {
			Image    int        `json:"image_id"`
			Category int        `json:"category_id"`
			Crowd    int        `json:"iscrowd"`
			Mask     *mask.Mask `json:"segmentation"`
			Box      [4]float64 `json:"bbox"`
			Area     float64
		}
		Found []struct {
			Image    int       `json:"image_id"`
			Category int       `json:"category_id"`
			Mask     *mask.RLE `json:"segmentation"`
			Score    float64
		}
		Stats   []float64
		Classes [][3]float64
	}
	if err := json.Unmarshal(content, &g); err != nil {
		t.Fatal(err)
	}
	pictures := make([]Picture, len(g.Images))
	for i, m := range g.Images {
		pictures[i].Width, pictures[i].Height = m.Width, m.Height
	}
	crowds := 0
	for _, a := range g.Annotations {
		p := &pictures[a.Image-1]
		crowds += a.Crowd
		p.Objects = append(p.Objects, boxes.Object{
			Class: a.Category - 1, Box: boxes.FromSize(a.Box[0], a.Box[1], a.Box[2], a.Box[3]), Crowd: a.Crowd != 0, Area: a.Area, Mask: a.Mask})
	}
	for _, d := range g.Found {
		p := &pictures[d.Image-1]
		x0, y0, x1, y1 := d.Mask.Bounds()
		box := boxes.Box{X0: float64(x0), Y0: float64(y0), X1: float64(x1), Y1: float64(y1)}
		p.Detections = append(p.Detections, detect.Detection{Class: d.Category - 1, Box: box, Score: d.Score, Mask: d.Mask})
	}
	if crowds == 0 {
		t.Fatal("no crowds")
	}
	r, err := COCOMasks(pictures, []string{"a", "b", "none"})
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range []float64{r.AP, r.AP50, r.AP75, r.APSmall, r.APMedium, r.APLarge, r.AR1, r.AR10, r.AR100, r.ARSmall, r.ARMedium, r.ARLarge} {
		near(t, fmt.Sprintf("statistic %d", i), got, g.Stats[i])
		if g.Stats[i] <= 0 {
			t.Errorf("statistic %d is %v in the reference, so it says nothing", i, g.Stats[i])
		}
	}
	for c, want := range g.Classes {
		own := r.Classes[c]
		for i, got := range []float64{own.AP, own.AP50, own.AP75} {
			near(t, fmt.Sprintf("%s: %d", own.Name, i), got, want[i])
		}
	}
	// The figures of the boxes are others.
	if b, err := COCO(pictures, []string{"a", "b", "none"}); err != nil || b.AP == r.AP {
		t.Errorf("%v, %v", b.AP, err)
	}
}

func TestCOCOMasksErrors(t *testing.T) {
	made := func(width, height int) *mask.RLE {
		r, err := mask.FromCounts(width, height, []uint32{0, uint32(width * height)})
		if err != nil {
			t.Fatal(err)
		}
		return &r
	}
	right := boxes.Object{Mask: &mask.Mask{Runs: made(4, 3)}}
	for want, p := range map[string]Picture{
		"must have masks; read the dataset": {Objects: []boxes.Object{{}}},
		"must have masks of a picture of 4": {Objects: []boxes.Object{{Mask: &mask.Mask{Runs: made(3, 3)}}}},
		"must have masks; use a detector":   {Objects: []boxes.Object{right}, Detections: []detect.Detection{{Score: 1}}},
		"and not of 2×2":                    {Objects: []boxes.Object{right}, Detections: []detect.Detection{{Score: 1, Mask: made(2, 2)}}},
	} {
		p.Width, p.Height = 4, 3
		if _, err := COCOMasks([]Picture{p}, []string{"x"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	// The area of an object that has none is that of its mask: 12 pixels are small.
	p := Picture{Width: 4, Height: 3, Objects: []boxes.Object{right}, Detections: []detect.Detection{{Score: 1, Mask: made(4, 3)}}}
	r, err := COCOMasks([]Picture{p}, []string{"x"})
	if err != nil || p.Objects[0].Area != 0 {
		t.Errorf("%+v, %v", p.Objects[0], err)
	}
	near(t, "AP", r.AP, 1)
	near(t, "AP of small objects", r.APSmall, 1)
}

// TestMaskResults writes masks as results and reads them again: the figures are the same, and those of pycocotools where
// BESTIARY_PYTORCH names a Python that has it.
func TestMaskResults(t *testing.T) {
	s, err := boxes.Open("scenes:3:12", boxes.Options{Masks: true})
	if err != nil {
		t.Fatal(err)
	}
	var pictures []Picture
	var all []Result
	for i, p := range s.Pictures {
		own := Picture{Width: p.Width, Height: p.Height, Objects: p.Objects}
		for k, o := range p.Objects {
			shift := float64((i*5 + k*3) % 12) // pixels
			moved := o.Mask.Move(data.Map{Left: -shift, ScaleX: 1, ScaleY: 1, Width: float64(p.Width), Height: float64(p.Height)})
			if moved == nil {
				continue
			}
			x0, y0, x1, y1 := moved.Bounds()
			class := o.Class
			if (i+k)%7 == 0 {
				class = (class + 1) % len(s.Classes)
			}
			own.Detections = append(own.Detections, detect.Detection{
				Class: class, Box: boxes.Box{X0: x0, Y0: y0, X1: x1, Y1: y1}, Score: 1 / float64(1+i*4+k), Mask: moved.Runs})
		}
		pictures = append(pictures, own)
		all = append(all, Results(p.ID, s.IDs, own.Detections)...)
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
	want := &Report{}
	if err := want.MeasureMasks(pictures, s.Classes); err != nil {
		t.Fatal(err)
	}
	read, err := ReadResults(filepath.Join(dir, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	assigned, err := Assign(s, read)
	if err != nil {
		t.Fatal(err)
	}
	got := &Report{}
	if err := got.MeasureMasks(assigned, s.Classes); err != nil || *got.Masks.AP != *want.Masks.AP || !(*got.Masks.AP > 0.1 && *got.Masks.AP < 0.9) {
		t.Errorf("AP %v from results, want %v; %v", *got.Masks.AP, *want.Masks.AP, err)
	}
	if text := got.String(); !strings.Contains(text, "AP@0.75") {
		t.Error(text)
	}
	read[0].Mask = &mask.Mask{Runs: &mask.RLE{}}
	if _, err := Assign(s, read); err == nil || !strings.Contains(err.Error(), "mask that can't be used") {
		t.Errorf("a mask of another size: %v", err)
	}
	if python := os.Getenv("BESTIARY_PYTORCH"); python != "" && exec.Command(python, "-c", "import pycocotools").Run() == nil {
		near(t, "AP of pycocotools", pythonAP(t, python, dir), *want.Masks.AP)
	}
}

// pythonAP returns the AP of masks that pycocotools computes.
func pythonAP(t *testing.T, python, dir string) (ap float64) {
	t.Helper()
	script := `
import sys
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
truth = COCO(sys.argv[1] + "/set.json")
e = COCOeval(truth, truth.loadRes(sys.argv[1] + "/results.json"), "segm")
e.evaluate(); e.accumulate(); e.summarize()
print("ap", repr(float(e.stats[0])))
`
	printed, err := exec.Command(python, "-c", script, dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, printed)
	}
	if _, err := fmt.Sscan(string(printed[bytes.LastIndex(printed, []byte("ap "))+3:]), &ap); err != nil {
		t.Fatal(err)
	}
	return ap
}
