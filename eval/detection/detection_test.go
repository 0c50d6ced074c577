package detection

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
)

// rows returns the rows of a matrix.
func rows(t *testing.T, f *safetensors.File, name string) [][]float64 {
	t.Helper()
	v, shape, err := f.Float64(name)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(slices.Chunk(v, shape[len(shape)-1]))
}

// random returns the random pictures of the reference values.
func random(t *testing.T, f *safetensors.File, voc bool) []Picture {
	pictures := make([]Picture, 40)
	for _, r := range rows(t, f, "truth") {
		p := &pictures[int(r[0])]
		o := boxes.Object{Class: int(r[1]), Box: boxes.FromSize(r[2], r[3], r[4], r[5])}
		if voc {
			o.Difficult = r[8] != 0
		} else {
			o.Crowd, o.Area = r[6] != 0, r[7]
		}
		p.Objects = append(p.Objects, o)
	}
	for _, r := range rows(t, f, "found") {
		p := &pictures[int(r[0])]
		p.Detections = append(p.Detections, detect.Detection{Class: int(r[1]), Box: boxes.FromSize(r[2], r[3], r[4], r[5]), Score: r[6]})
	}
	return pictures
}

var names = []string{"a", "b", "c", "none"}

// near compares with a tolerance of 1e-6; NaN and pycocotools' −1 are equal.
func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.IsNaN(got) && (math.IsNaN(want) || want == -1) {
		return
	}
	if !(math.Abs(got-want) <= 1e-6) {
		t.Errorf("%s is %.8f, want %.8f", what, got, want)
	}
}

func TestCOCO(t *testing.T) {
	f := golden.Read(t, "testdata/golden.safetensors")
	r, err := COCO(random(t, f, false), names)
	if err != nil {
		t.Fatal(err)
	}
	got := []float64{r.AP, r.AP50, r.AP75, r.APSmall, r.APMedium, r.APLarge, r.AR1, r.AR10, r.AR100, r.ARSmall, r.ARMedium, r.ARLarge}
	for i, want := range rows(t, f, "stats")[0] {
		near(t, fmt.Sprintf("statistic %d", i), got[i], want)
	}
	curves := rows(t, f, "recall_curve") // [recall][class]
	for c, want := range rows(t, f, "classes") {
		own := r.Classes[c]
		near(t, own.Name+": AP", own.AP, want[0])
		near(t, own.Name+": AP50", own.AP50, want[1])
		near(t, own.Name+": AP75", own.AP75, want[2])
		for i, p := range own.Curve {
			near(t, fmt.Sprintf("%s: precision at %v", own.Name, p.Recall), p.Precision, curves[i][c])
		}
		if (len(own.Curve) == 0) != (own.Objects == 0) {
			t.Errorf("%s: %d objects, %d points", own.Name, own.Objects, len(own.Curve))
		}
	}
}

func TestVOC(t *testing.T) {
	f := golden.Read(t, "testdata/golden.safetensors")
	for i, form := range []Form{Area, ElevenPoints} {
		r, err := VOC(random(t, f, true), names, VOCOptions{Form: form})
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.
		for c, want := range rows(t, f, "voc") {
			near(t, names[c], r.Classes[c].AP, want[i])
			if c < 3 {
				sum += want[i] / 3
			}
		}
		near(t, "mean", r.Mean, sum)
	}
}

// TestSmall has values by hand: three objects, one of them difficult.
func TestSmall(t *testing.T) {
	at := func(x float64) boxes.Box { return boxes.FromSize(x, 0, 10, 10) }
	p := []Picture{{
		Objects: []boxes.Object{{Box: at(0)}, {Box: at(100)}, {Box: at(200), Difficult: true}},
		Detections: []detect.Detection{
			{Box: at(200), Score: 0.9}, // of the difficult object: nothing
			{Box: at(1), Score: 0.8},   // right
			{Box: at(0), Score: 0.7},   // that object again
			{Box: at(300), Score: 0.6}, // nothing is there
			{Box: at(103), Score: 0.5}, // right: IoU 7/13
		},
	}}
	r, err := VOC(p, []string{"x"}, VOCOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := []Point{{0.8, 0.5, 1}, {0.7, 0.5, 0.5}, {0.6, 0.5, 1. / 3}, {0.5, 1, 0.5}}
	if c := r.Classes[0]; !slices.Equal(c.Curve, want) || c.AP != 0.75 || c.Objects != 2 || c.Difficult != 1 || c.Right != 2 {
		t.Errorf("%+v", c)
	}
	if r, _ = VOC(p, []string{"x"}, VOCOptions{Form: ElevenPoints}); math.Abs(r.Mean-(6+5*0.5)/11) > 1e-12 {
		t.Errorf("eleven points: %v", r.Mean)
	}
	if r, _ = VOC(p, []string{"x"}, VOCOptions{IoU: 0.6}); r.Mean != 0.5 {
		t.Errorf("at IoU 0.6: %v", r.Mean)
	}
	if r, _ = VOC(nil, []string{"x"}, VOCOptions{}); !math.IsNaN(r.Mean) {
		t.Errorf("no objects: %v", r.Mean)
	}
}

func TestErrors(t *testing.T) {
	bad := []Picture{{Detections: []detect.Detection{{Class: 1}}}}
	if _, err := COCO(bad, []string{"x"}); err == nil || !strings.Contains(err.Error(), "must be one of 1 classes") {
		t.Errorf("unknown class: %v", err)
	}
	bad[0].Detections[0] = detect.Detection{Score: math.NaN()}
	if _, err := VOC(bad, []string{"x"}, VOCOptions{}); err == nil {
		t.Error("a score that is not a number")
	}
	if _, err := VOC(nil, []string{"x"}, VOCOptions{IoU: 1.5}); err == nil {
		t.Error("an IoU of 1.5")
	}
	if _, err := VOC(nil, []string{"x"}, VOCOptions{Form: "mean"}); err == nil {
		t.Error("an unknown form")
	}
}

// TestMapReference compares with the evaluator that the SSD notebook names, on the files that it comes with: a folder with
// ground-truth/ (class, left, top, right, bottom) and detection-results/ (class, score, …).
func TestMapReference(t *testing.T) {
	folder := os.Getenv("BESTIARY_MAP_REFERENCE")
	if folder == "" {
		t.Skip("BESTIARY_MAP_REFERENCE does not name a folder with ground-truth and detection-results")
	}
	r, err := VOC(readReference(t, folder))
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(100*r.Mean-31.05) > 0.005 {
		t.Errorf("mAP is %.2f %%, want 31.05 %%", 100*r.Mean)
	}
	want := map[string]float64{"backpack": 22.73, "bed": 85.94, "book": 17.52, "bowl": 31.86, "chair": 53.84}
	for _, c := range r.Classes {
		if w, ok := want[c.Name]; ok && math.Abs(100*c.AP-w) > 0.005 {
			t.Errorf("%s: %.2f %%, want %.2f %%", c.Name, 100*c.AP, w)
		}
	}
}

// readReference reads such a folder. Its coordinates include the pixel at the right and lower edge.
func readReference(t *testing.T, folder string) (pictures []Picture, classes []string, o VOCOptions) {
	t.Helper()
	index := map[string]int{}
	class := func(name string) int {
		if _, ok := index[name]; !ok {
			index[name] = len(classes)
			classes = append(classes, name)
		}
		return index[name]
	}
	lines := func(path string, numbers int, line func(class int, v []float64)) {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		for s := bufio.NewScanner(file); s.Scan(); {
			fields := strings.Fields(s.Text())
			if len(fields) <= numbers {
				continue
			}
			var v []float64
			for _, field := range fields[1 : numbers+1] {
				n, err := strconv.ParseFloat(field, 64)
				if err != nil {
					t.Fatal(err)
				}
				v = append(v, n)
			}
			line(class(fields[0]), v)
		}
	}
	files, _ := filepath.Glob(filepath.Join(folder, "ground-truth", "*.txt"))
	slices.Sort(files)
	if len(files) == 0 {
		t.Fatal("no files")
	}
	for _, path := range files {
		var p Picture
		box := func(v []float64) boxes.Box { return boxes.Box{X0: v[0], Y0: v[1], X1: v[2] + 1, Y1: v[3] + 1} }
		lines(path, 4, func(class int, v []float64) { p.Objects = append(p.Objects, boxes.Object{Class: class, Box: box(v)}) })
		lines(filepath.Join(folder, "detection-results", filepath.Base(path)), 5, func(class int, v []float64) {
			p.Detections = append(p.Detections, detect.Detection{Class: class, Box: box(v[1:]), Score: v[0]})
		})
		pictures = append(pictures, p)
	}
	return pictures, classes, VOCOptions{}
}
