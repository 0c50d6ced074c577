package boxes

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/mask"
)

// covered returns the pixels of an object's mask as text, a line a row.
func covered(t *testing.T, p Picture, o Object) string {
	t.Helper()
	if o.Mask == nil {
		t.Fatal("the object has no mask")
	}
	r, err := o.Mask.RLE(p.Width, p.Height)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for row := range slices.Chunk(r.Pixels(), p.Width) {
		for _, v := range row {
			b.WriteByte(".#"[v])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestCOCOMasks(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "set.json")
	grey(t, 6, 4, root, "a.png")
	write(t, `{
"images": [{"id": 1, "file_name": "a.png"}],
"categories": [{"id": 1, "name": "dog"}],
"annotations": [
 {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 3, 2], "area": 5.5, "segmentation": [[1, 1, 4, 1, 4, 3, 1, 3]]},
 {"id": 2, "image_id": 1, "category_id": 1, "bbox": [0, 0, 2, 4], "iscrowd": 1, "segmentation": {"size": [4, 6], "counts": [0, 8, 16]}},
 {"id": 3, "image_id": 1, "category_id": 1, "segmentation": {"size": [4, 6], "counts": "44\u00600"}},
 {"id": 4, "image_id": 1, "category_id": 1, "bbox": [0, 0, 2, 4], "segmentation": {"size": [6, 6], "counts": [36]}},
 {"id": 5, "image_id": 1, "category_id": 1, "bbox": [0, 0, 2, 4], "segmentation": {"size": [4, 6], "counts": [24]}},
 {"id": 6, "image_id": 1, "category_id": 1, "bbox": [0, 0, 2, 4], "segmentation": {"size": [4, 6], "counts": "zz"}},
 {"id": 7, "image_id": 1, "category_id": 1, "bbox": [0, 0, 2, 4], "segmentation": [[1, 2, 3, 4], [1, 1, 4, 1, 4, 3, 1, 3]]},
 {"id": 8, "image_id": 1, "category_id": 1, "bbox": [0, 0, 2, 4], "segmentation": [[1, 2, 3, 4]]},
 {"id": 9, "image_id": 1, "category_id": 1, "bbox": [0, 0, 2, 4], "segmentation": [[10, 2, 13, 4, 10, 4]]},
 {"id": 10, "image_id": 1, "category_id": 1, "segmentation": [[4, 2, 9, 2, 9, 9, 4, 9]]},
 {"id": 11, "image_id": 1, "category_id": 1, "bbox": [0, 0, 4, 4], "segmentation": [[0, 0, 4, 4, 4, 0, 0, 4]]},
 {"id": 12, "image_id": 1, "category_id": 1, "bbox": [0, 0, 4, 4], "segmentation": [[1, 2, 3]]},
 {"id": 13, "image_id": 1, "category_id": 1, "bbox": [0, 0, 4, 4], "segmentation": 5},
 {"id": 14, "image_id": 1, "category_id": 1, "bbox": [0, 0, 4, 4], "segmentation": null},
 {"id": 15, "image_id": 1, "category_id": 1, "bbox": [0, 0, 4, 4]},
 {"id": 16, "image_id": 1, "category_id": 1, "bbox": [1, 1, 0.01, 0.01], "segmentation": [[1, 1, 1.01, 1, 1.01, 1.01]]}
]}`, file)
	s, err := Open(file, Options{Masks: true})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, s,
		"boxes left out: set.json:8: the mask can't be used in a picture of 6×4 pixels: masks of 6×6 and of 6×4 pixels",
		"boxes left out: set.json:9: the mask covers no pixel",
		`boxes left out: set.json:10: annotation 6: the run-length encoding has the character 'z'`,
		"polygons of masks left out: set.json:11: polygon 1 of the mask: the polygon has 2 points; give three or more",
		"polygons of masks left out: set.json:12: polygon 1 of the mask: the polygon has 2 points",
		"boxes left out: set.json:12: the mask has no polygon that can be used",
		"polygons of masks left out: set.json:13: polygon 1 of the mask is outside of its picture of 6×4 pixels",
		"boxes left out: set.json:13: the mask has no polygon",
		"polygons of masks that reach beyond their picture, clipped: set.json:14: polygon 1 of the mask, in {4 2 9 9}, is clipped to 6×4",
		"cross themselves, filled by the even-odd rule: set.json:15: polygon 1",
		"boxes left out: set.json:16: annotation 12: polygon 1 of the segmentation has 3 numbers",
		"boxes left out: set.json:17: annotation 13: the segmentation is neither",
		"boxes left out: set.json:18: annotation 14 has no segmentation",
		"boxes left out: set.json:19: annotation 15 has no segmentation",
		"boxes left out: set.json:20: the mask covers no pixel",
	)
	want := []struct {
		box    Box
		area   float64
		pixels string
	}{
		{Box{1, 1, 4, 3}, 5.5, "......\n.###..\n.###..\n......\n"},
		{Box{0, 0, 2, 4}, 8, "##....\n##....\n##....\n##....\n"},
		{Box{1, 0, 2, 4}, 4, ".#....\n.#....\n.#....\n.#....\n"},
		{Box{0, 0, 2, 4}, 6, "......\n.###..\n.###..\n......\n"},
		{Box{4, 2, 6, 4}, 4, "......\n......\n....##\n....##\n"},
		{Box{0, 0, 4, 4}, 0, ""},
	}
	objects := s.Pictures[0].Objects
	if len(objects) != len(want) {
		t.Fatalf("%d objects: %+v", len(objects), objects)
	}
	for i, w := range want[:5] {
		if o := objects[i]; o.Box != w.box || o.Area != w.area || covered(t, s.Pictures[0], o) != w.pixels || o.Crowd != (i == 1) {
			t.Errorf("object %d: %+v\n%s", i, o, covered(t, s.Pictures[0], o))
		}
	}
	// Without masks, nobody looks at them.
	if s, err = Open(file, Options{}); err != nil || s.Boxes() != 14 || s.Pictures[0].Objects[0].Mask != nil {
		t.Errorf("without masks: %v, %v", s, err)
	}
}

// TestWriteMasks reads masks again that were written as COCO's JSON.
func TestWriteMasks(t *testing.T) {
	root := t.TempDir()
	grey(t, 6, 4, root, "a.png")
	runs, err := mask.FromCounts(6, 4, []uint32{3, 9, 12})
	if err != nil {
		t.Fatal(err)
	}
	polygons := &mask.Mask{Polygons: []mask.Polygon{{{X: 1, Y: 1}, {X: 4.25, Y: 1}, {X: 4, Y: 3}}, {{X: 0, Y: 0}, {X: 2, Y: 0}, {X: 2, Y: 2}}}}
	p := Picture{Name: "a.png", ID: 7, Width: 6, Height: 4, Objects: []Object{
		{Box: Box{0, 0, 4.25, 3}, Mask: polygons}, {Box: Box{0, 0, 3, 4}, Mask: &mask.Mask{Runs: &runs}, Crowd: true},
	}}
	var b strings.Builder
	if err := (&Set{Classes: []string{"x"}, Pictures: []Picture{p}}).WriteCOCO(&b); err != nil {
		t.Fatal(err)
	}
	write(t, b.String(), root, "set.json")
	s, err := COCO(filepath.Join(root, "set.json"), Options{Masks: true})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, s)
	for i, o := range s.Pictures[0].Objects {
		if covered(t, p, o) != covered(t, p, p.Objects[i]) || o.Crowd != p.Objects[i].Crowd {
			t.Errorf("object %d became\n%s", i, covered(t, p, o))
		}
	}
}

// TestShapesWithoutSize has shapes without a size, inverted ones, and points that are null.
func TestShapesWithoutSize(t *testing.T) {
	root := t.TempDir()
	shapes := []string{
		`"name": "rect", "x": 9, "y": 9, "width": -5, "height": 5`, `"name": "rect", "x": 9, "y": 9`, `"name": "circle", "cx": 9, "cy": 9, "r": -3`,
		`"name": "ellipse", "cx": 9, "cy": 9, "rx": 3, "ry": 0`, `"name": "polygon", "all_points_x": [1, 9, null], "all_points_y": [1, 1, 9]`,
		`"name": "rect", "x": 9, "y": 9, "width": 5, "height": 5`,
	}
	var regions []string
	for _, shape := range shapes {
		regions = append(regions, "\n{\"shape_attributes\": {"+shape+"}, \"region_attributes\": {}}")
	}
	write(t, `{"a.png": {"filename": "a.png", "regions": [`+strings.Join(regions, ",")+"]}}", root, viaFile)
	grey(t, 20, 20, root, "a.png")
	s, err := VIA(root, Options{})
	if err != nil || s.Boxes() != 1 || s.Pictures[0].Objects[0].Box != (Box{9, 9, 14, 14}) {
		t.Fatalf("%v, %v", s, err)
	}
	expect(t, s,
		viaFile+":2: the rect has a width or a height of -5, which must be above 0; correct it", viaFile+":3: the rect has a width or a height of 0",
		viaFile+":4: the circle has a radius of -3", viaFile+":5: the ellipse has a radius of 0",
		viaFile+":6: polygon 1 of the mask: the point NaN, 9", viaFile+":6: the mask has no polygon",
	)
	for points, want := range map[string]string{
		"[[1, 1], [9, null]]": "a.json:2: polygon 1 of the mask: the point", `[[1, 1], ["9", 1]]`: "a.json:2: has a string where float64 is expected in Points",
		`[{"x": 1}]`: "a.json:2: has a object where []float64 is expected in Points",
	} {
		folder := t.TempDir()
		grey(t, 20, 20, folder, "a.png")
		write(t, `{"imagePath": "a.png", "shapes": [`+"\n"+`{"label": "cat", "shape_type": "rectangle", "points": `+points+"}]}", folder, "a.json")
		s, err := Labelme(folder, Options{Classes: []string{"cat"}})
		if got := fmt.Sprint(s, err); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", points, got, want)
		}
	}
}

func TestVIA(t *testing.T) {
	root := t.TempDir()
	polygon := `{"name": "polygon", "all_points_x": [1, 4, 4, 1], "all_points_y": [1, 1, 3, 3]}`
	train := `{
"a.png12": {"fileref": "", "size": 12, "filename": "a.png", "regions": {
 "0": {"shape_attributes": ` + polygon + `, "region_attributes": {}},
 "1": {"shape_attributes": {"name": "polyline", "all_points_x": [1, 2], "all_points_y": [1, 2]}, "region_attributes": {}},
 "2": {"shape_attributes": {"name": "polygon", "all_points_x": [1, 2, 3], "all_points_y": [1, 2]}, "region_attributes": {}}
}, "file_attributes": {}},
"gone.png12": {"filename": "gone.png", "regions": {}},
"../a.png": {"filename": "../a.png", "regions": {}},
"a.png13": {"filename": "a.png", "regions": {}},
"x": {"regions": {}},
"b.png12": {"filename": "b.png", "regions": {}}
}`
	write(t, train, root, "train", viaFile)
	grey(t, 6, 4, root, "train", "a.png")
	grey(t, 6, 4, root, "train", "b.png")
	write(t, `{"_via_settings": {"ui": {}}, "_via_img_metadata": {"c.png1": {"filename": "c.png", "size": -1, "regions": [
{"shape_attributes": {"name": "rect", "x": 1, "y": 0, "width": 2, "height": 3}, "region_attributes": {}}]}}, "_via_attributes": {}}`, root, "val", viaFile)
	grey(t, 6, 4, root, "val", "c.png")
	s, err := Open(root, Options{Masks: true})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, s,
		`boxes left out: via_region_data.json:4: the shape "polyline" has no inside`,
		"boxes left out: via_region_data.json:5: the polygon has 3 numbers in all_points_x and 2",
		"pictures left out: via_region_data.json:7: its picture gone.png is missing",
		"pictures left out: via_region_data.json:8: its picture ../a.png is missing",
		"pictures left out: via_region_data.json:9: the picture a.png occurs twice",
		"pictures left out: via_region_data.json:10: has no filename",
	)
	if len(s.Pictures) != 3 || s.Layout != "via" || !slices.Equal(s.Classes, []string{"object"}) || !slices.Equal(s.Report.Empty, []string{"train/b.png"}) || s.Pictures[2].Name != "val/c.png" {
		t.Fatalf("%v", s)
	}
	if o := s.Pictures[0].Objects[0]; o.Box != (Box{1, 1, 4, 3}) || covered(t, s.Pictures[0], o) != "......\n.###..\n.###..\n......\n" || o.Area != 6 {
		t.Errorf("%+v", o)
	}
	if o := s.Pictures[2].Objects[0]; o.Box != (Box{1, 0, 3, 3}) || o.Area != 6 {
		t.Errorf("%+v", o)
	}
	if s, err = Open(root, Options{Split: data.Test, As: "balloon"}); err != nil || len(s.Pictures) != 1 || s.Classes[0] != "balloon" || s.Pictures[0].Objects[0].Mask != nil {
		t.Errorf("%v, %v", s, err)
	}
	if s, err = Open(filepath.Join(root, "train", viaFile), Options{}); err != nil || s.Layout != "via" || s.Pictures[0].Name != "a.png" {
		t.Errorf("a file: %v, %v", s, err)
	}
	write(t, train, root, "other", "pets.json") // a folder with a file of another name
	grey(t, 6, 4, root, "other", "a.png")
	if s, err = Open(filepath.Join(root, "other"), Options{}); err != nil || s.Layout != "via" || len(s.Pictures) != 1 {
		t.Errorf("a folder with another file: %v, %v", s, err)
	}
	if _, err := VIA(t.TempDir(), Options{Split: data.Test}); !NoSplit(err) || !strings.Contains(err.Error(), "there is no val/via_region_data.json") {
		t.Errorf("%v", err)
	}
}

func TestVIAShapes(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, viaFile)
	grey(t, 60, 40, root, "a.png")
	region := func(shape, attributes string) string {
		return fmt.Sprintf("\n{\"shape_attributes\": {%s}, \"region_attributes\": {%s}}", shape, attributes)
	}
	regions := []string{
		region(`"name": "circle", "cx": 30, "cy": 20, "r": 10.5`, `"type": "dog", "id": "1"`),
		region(`"name": "ellipse", "cx": 30, "cy": 20, "rx": 15, "ry": 5, "theta": 1.5707963`, `"type": {"cat": true, "dog": false}`),
		region(`"name": "ellipse", "cx": 30, "cy": 20, "rx": 0, "ry": 5, "theta": 0`, `"type": "cat"`),
		region(`"name": "point", "cx": 30, "cy": 20`, `"type": "cat"`),
		region(`"name": "circle", "cx": 30, "cy": 20, "r": 10`, `"id": "1"`),
		region(`"name": "circle", "cx": 30, "cy": 20, "r": 10`, `"type": {"cat": true, "dog": true}`),
		region(`"name": "polygon", "all_points_x": [1, 2], "all_points_y": [1, 2]`, `"type": "cat"`),
	}
	content := `{"a": {"filename": "a.png", "regions": [` + strings.Join(regions, ",") + `]}}`
	write(t, content, file)
	s, err := Open(root, Options{Masks: true})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, s,
		":4: the ellipse has a radius of 0", `:5: the shape "point" has no inside`, ":6: the attribute type of the region names no class",
		":7: the attribute type of the region names no class", ":8: polygon 1 of the mask: the polygon has 2 points", ":8: the mask has no polygon",
	)
	for i, want := range []struct {
		class string
		box   Box
		area  float64
	}{{"dog", Box{19.5, 9.5, 40.5, 30.5}, math.Pi * 10.5 * 10.5}, {"cat", Box{25, 5, 35, 35}, math.Pi * 15 * 5}} {
		o := s.Pictures[0].Objects[i]
		if s.Classes[o.Class] != want.class || o.Box.IoU(want.box) < 0.98 || math.Abs(o.Area-want.area) > 0.05*want.area {
			t.Errorf("%+v, want %+v", o, want)
		}
	}
	write(t, strings.ReplaceAll(content, `"type"`, `"sort"`), file)
	if _, err := Open(root, Options{}); err == nil || !strings.Contains(err.Error(), "the regions have the attributes id, sort; rename that of the class to class") {
		t.Errorf("%v", err)
	}
	for bad, want := range map[string]string{
		"{\n\"a\": 3}": ":2: a is no picture; give", "{\"a\": {\"regions\": 3}}": ":1: regions is neither", "[]": ":1: does not begin with an object",
		content[:100]: "ends too early", "{\"a\": {\"regions\": [\n{\"shape_attributes\": 7}]}}": ":2: has a number where",
		`{"_via_img_metadata": []}`: "does not begin with an object",
	} {
		write(t, bad, file)
		if _, err := VIA(file, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", bad, err, want)
		}
	}
}

func TestLabelme(t *testing.T) {
	root := t.TempDir()
	grey(t, 6, 4, root, "images", "a.png")
	grey(t, 6, 4, root, "labels", "b.png")
	grey(t, 6, 4, root, "labels", "c.png")
	shape := func(label, kind, group, points string) string {
		return fmt.Sprintf("\n{\"label\": %q, \"shape_type\": %q, \"group_id\": %s, \"points\": [%s], \"flags\": {}}", label, kind, group, points)
	}
	square := "[1, 1], [4, 1], [4, 3], [1, 3]"
	write(t, `{"version": "5.0", "shapes": [`+strings.Join([]string{
		shape("dog", "polygon", "null", square),
		shape("cat", "polygon", "1", square),
		shape("dog", "polygon", "1", square),
		shape("cat", "rectangle", "1", "[6, 4], [5, 0]"),
		shape("cat", "circle", "null", "[3, 2], [3, 3.6]"),
		shape("cat", "line", "null", "[3, 2], [3, 3.6]"),
		shape("", "polygon", "null", square),
		shape("cat", "circle", "null", "[3, 2]"),
		shape("cat", "polygon", "null", "[3, 2, 1], [3, 3.6]"),
		shape("cat", "polygon", "null", "[3, 2], [3, 3.6]"),
		shape("cat", "rectangle", "null", "[0, 0], [2, 0], [2, 2], [0, 2]"),
	}, ",")+`], "imagePath": "..\\images\\a.png", "imageData": null, "imageHeight": 5, "imageWidth": 6}`, root, "labels", "a.json")
	write(t, `{"shapes": [], "imagePath": "D:\\elsewhere\\b.png"}`, root, "labels", "b.json")
	write(t, `{"shapes": [], "imagePath": "gone.png"}`, root, "labels", "d.json")
	write(t, `{"shapes": [], "imagePath": "b.png"}`, root, "labels", "e.json")
	write(t, `{"shapes": {}}`, root, "labels", "f.json")
	write(t, `{}`, root, "labels", "g.json")
	write(t, "{\n\"shapes\": [\n3]}", root, "labels", "h.json")
	write(t, `{"shapes": [], "imagePath": "../../../etc/passwd"}`, root, "labels", "i.json")
	s, err := Labelme(root, Options{Masks: true})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, s,
		"another size than their picture, whose own is used: a.json: images/a.png has 6×4 pixels, and not 6×5",
		`boxes left out: a.json:7: the shape_type "line" is not read; draw a polygon, rectangle or circle`,
		"boxes left out: a.json:8: the shape has no label",
		"boxes left out: a.json:9: the circle has 1 points; give two",
		"boxes left out: a.json:10: point 1 of the shape has 3 numbers",
		"polygons of masks left out: a.json:11: polygon 1 of the mask: the polygon has 2 points",
		"boxes left out: a.json:11: the mask has no polygon that can be used",
		`pictures left out: d.json: its picture "gone.png" is missing`,
		"pictures left out: e.json: its picture labels/b.png has another JSON file",
		"pictures left out: f.json:1: shapes is not a list",
		"pictures left out: g.json:1: has no list shapes",
		"pictures left out: h.json:3: has a number where",
		`pictures left out: i.json: its picture "../../../etc/passwd" is missing`,
	)
	if !slices.Equal(s.Classes, []string{"cat", "dog"}) || !slices.Equal(s.Report.Empty, []string{"labels/b.png"}) || !strings.Contains(s.String(), "pictures without a JSON file, left out: 1: labels/c.png") {
		t.Errorf("%v", s)
	}
	p := s.Pictures[0]
	want := []struct {
		class  string
		box    Box
		pixels string
	}{
		{"dog", Box{1, 1, 4, 3}, "......\n.###..\n.###..\n......\n"},
		{"cat", Box{1, 0, 6, 4}, ".....#\n.###.#\n.###.#\n.....#\n"},
		{"dog", Box{1, 1, 4, 3}, "......\n.###..\n.###..\n......\n"},
		{"cat", Box{1.4, 0.4, 4.6, 3.6}, "..##..\n.####.\n.####.\n..##..\n"},
		{"cat", Box{0, 0, 2, 2}, "##....\n##....\n......\n......\n"},
	}
	if len(p.Objects) != len(want) {
		t.Fatalf("%+v", p.Objects)
	}
	for i, w := range want {
		o := p.Objects[i]
		if s.Classes[o.Class] != w.class || o.Box.IoU(w.box) < 0.99 || i != 3 && covered(t, p, o) != w.pixels {
			t.Errorf("object %d: %+v, want %+v\n%s", i, o, w, covered(t, p, o))
		}
	}
	for _, path := range []string{root, filepath.Join(root, "labels", "b.json")} {
		if s, err := Open(path, Options{}); path == root && (err != nil || s.Layout != "labelme") || path != root && (err == nil || !strings.Contains(err.Error(), "none of 1 pictures has a box")) {
			t.Errorf("%s: %v, %v", path, s, err)
		}
	}
	if _, err := Labelme(root, Options{Split: data.Test}); err == nil || !strings.Contains(err.Error(), "Split") {
		t.Errorf("%v", err)
	}
}

// paletted writes a PNG of values.
func paletted(t *testing.T, m image.Image, elem ...string) {
	t.Helper()
	write(t, "", elem...)
	f, err := os.Create(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, m); err != nil {
		t.Fatal(err)
	}
}

func TestTrimaps(t *testing.T) {
	root := t.TempDir()
	at := func(name string) []string { return []string{root, "annotations", "trimaps", name} }
	m := image.NewGray(image.Rect(0, 0, 6, 4))
	for i := range m.Pix {
		m.Pix[i] = 2
	}
	copy(m.Pix[6:], []uint8{2, 3, 1, 1, 3, 2, 2, 3, 1, 1, 3, 2})
	palette := image.NewPaletted(m.Rect, color.Palette{color.Black, color.White, color.Gray{99}, color.Gray{50}})
	copy(palette.Pix, m.Pix)
	none := image.NewGray(m.Rect)
	for i := range none.Pix {
		none.Pix[i] = 2
	}
	for i, name := range []string{"Bengal_1", "great_dane_2", "pug_3", "pug_4", "pug_5", "pug_6", "pug_7"} {
		if name != "pug_6" {
			grey(t, 6+i/4, 4, root, "images", name+".png") // from pug_5 on, another size
		}
	}
	paletted(t, m, at("Bengal_1.png")...)
	paletted(t, palette, at("great_dane_2.png")...)
	paletted(t, none, at("pug_3.png")...)
	paletted(t, image.NewGray(m.Rect), at("pug_4.png")...)
	paletted(t, m, at("pug_5.png")...)
	paletted(t, m, at("pug_6.png")...)
	write(t, "Bengal_1 1 1 1\npug_7 1 1 1\n", root, "annotations", "test.txt")
	s, err := Open(root, Options{Masks: true})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, s,
		"boxes left out: pug_3.png: the mask covers no pixel",
		"pictures left out: pug_4.png: has the value 0; a trimap has 1 (animal), 2 (background) and 3 (unsure)",
		"boxes left out: pug_5.png: the mask can't be used in a picture of 7×4 pixels",
		"pictures left out: pug_6.png: its picture pug_6 is missing",
	)
	if !slices.Equal(s.Classes, []string{"cat", "dog"}) || !strings.Contains(s.String(), "pictures without a trimap, left out: 1: pug_7") {
		t.Errorf("%v", s)
	}
	for i, class := range []string{"cat", "dog"} {
		p := s.Pictures[i]
		if o := p.Objects[0]; s.Classes[o.Class] != class || o.Box != (Box{2, 1, 4, 3}) || o.Area != 4 || covered(t, p, o) != "......\n..##..\n..##..\n......\n" {
			t.Errorf("%+v", o)
		}
	}
	s, err = Open(root, Options{Masks: true, Split: data.Test, Labels: data.Breed})
	if err != nil || len(s.Pictures) != 1 || !slices.Equal(s.Classes, []string{"Bengal"}) || !strings.Contains(s.String(), "without a trimap, left out: 1: pug_7") {
		t.Errorf("%v, %v", s, err)
	}
	yolo := t.TempDir()
	if err := os.WriteFile(filepath.Join(yolo, "classes.txt"), []byte("cat\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(yolo, Options{Masks: true}); err == nil || !strings.Contains(err.Error(), "Masks") {
		t.Errorf("a layout without masks: %v", err)
	}
}

// TestCarryMasks cuts an object whose mask is an L: the box of what remains is that of the pixels.
func TestCarryMasks(t *testing.T) {
	l := mask.Polygon{{X: 2, Y: 1}, {X: 8, Y: 1}, {X: 8, Y: 3}, {X: 4, Y: 3}, {X: 4, Y: 7}, {X: 2, Y: 7}}
	runs, err := l.RLE(10, 8)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []*mask.Mask{{Polygons: []mask.Polygon{l}}, {Runs: &runs}} {
		objects := []Object{{Box: Box{2, 1, 8, 7}, Mask: m, Area: 20}}
		v := View{Cut: Box{0, 3, 10, 8}, Mirror: true}
		got := Carry(objects, v.Map(20, 10), 0)
		if len(got) != 1 || got[0].Box != (Box{12, 0, 16, 8}) || !got[0].Truncated {
			t.Fatalf("%+v", got)
		}
		if p := (Picture{Width: 20, Height: 10}); covered(t, p, got[0]) != strings.Repeat(strings.Repeat(".", 12)+"####....\n", 8)+strings.Repeat(strings.Repeat(".", 20)+"\n", 2) {
			t.Errorf("\n%s", covered(t, p, got[0]))
		}
		if got := Carry(objects, View{Cut: Box{5, 4, 10, 8}}.Map(5, 4), 0); got != nil {
			t.Errorf("%+v remains of an object without a pixel", got)
		}
		if got := Carry(objects, Whole(10, 8).Map(30, 8), 0); got[0].Box != (Box{6, 1, 24, 7}) || got[0].Truncated || got[0].Area != 60 {
			t.Errorf("%+v", got)
		}
	}
}

// TestRealMasks reads the animals of the Oxford pets.
func TestRealMasks(t *testing.T) {
	root := os.Getenv("BESTIARY_BOXES")
	if root == "" {
		t.Skip("BESTIARY_BOXES does not name a folder with oxford-pets")
	}
	s, err := Open(filepath.Join(root, "oxford-pets"), Options{Masks: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v", s)
	if len(s.Classes) != 2 || s.Boxes() < 100 || s.Pictures[0].Objects[0].Mask == nil {
		t.Errorf("%v", s)
	}
}
