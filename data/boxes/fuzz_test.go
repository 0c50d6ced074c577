package boxes

import "testing"

// refused reports whether there is an error, which must name a line.
func refused(t *testing.T, err error) bool {
	if err == nil {
		return false
	}
	if where, ok := err.(*lineError); !ok || where.line < 1 || where.text == "" {
		t.Errorf("%v has no line", err)
	}
	return true
}

func FuzzVOC(f *testing.F) {
	f.Add([]byte(annotation(object("cat", 1, 2, 3, 4))))
	f.Add([]byte("<?xml version='1.0' encoding='latin1'?><annotation><object><part><bndbox></bndbox></part></object></annotation>"))
	f.Add([]byte("<annotation><object/><size><width>1e9</width></size></annotation></annotation>"))
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := parseVOC(content)
		if refused(t, err) {
			return
		}
		s := &reading{set: &Set{}, index: map[string]int{}}
		p := Picture{Width: 100, Height: 50}
		for _, o := range file.objects {
			if b, problem := file.box(o); problem == "" {
				s.add(&p, mark{"x", o.line}, Object{Box: b})
			}
		}
		inside(t, p)
	})
}

func FuzzCOCO(f *testing.F) {
	f.Add([]byte(`{"images": [{"id": 1}], "categories": [], "annotations": [{"bbox": [1, 2, 3, 4]}]}`))
	f.Add([]byte("{\"images\": [], \"x\": {\"y\": [1, 2]},\n \"annotations\": [{}, {\"bbox\": null}], \"categories\": []}"))
	f.Add([]byte("\ufeff{\"images\": [1]}"))
	f.Fuzz(func(t *testing.T, content []byte) {
		coco, err := parseCOCO(content, true)
		if refused(t, err) {
			return
		}
		s := &reading{set: &Set{}, index: map[string]int{}}
		p := Picture{Width: 100, Height: 50}
		for _, a := range coco.annotations {
			if a.line < 1 {
				t.Errorf("annotation in line %d", a.line)
			}
			if len(a.Box) == 4 {
				s.add(&p, mark{"x", a.line}, Object{Box: FromSize(a.Box[0], a.Box[1], a.Box[2], a.Box[3])})
			}
		}
		inside(t, p)
	})
}

func FuzzYOLO(f *testing.F) {
	f.Add([]byte("0 0.5 0.5 0.1 0.1\n1 0.1 0.1 0.2 0.2 0.3 0.3\n"))
	f.Add([]byte("0 Inf -inf nan 1e400\n99999999999999999999 1 1 1 1"))
	f.Fuzz(func(t *testing.T, content []byte) {
		s := &reading{set: &Set{}, index: map[string]int{}}
		p := Picture{Width: 100, Height: 50}
		for _, l := range parseYOLO(content) {
			if l.line < 1 {
				t.Errorf("line %d", l.line)
			}
			if l.problem == "" {
				s.add(&p, mark{"x", l.line}, Object{Box: rounded(l.box.Scale(100, 50), 100, 50)})
			}
		}
		inside(t, p)
		yamlNames(string(content))
	})
}

// inside checks that all boxes are within their picture and have an area.
func inside(t *testing.T, p Picture) {
	for _, o := range p.Objects {
		b := o.Box
		if b.Empty() || b.X0 < 0 || b.Y0 < 0 || b.X1 > float64(p.Width) || b.Y1 > float64(p.Height) {
			t.Errorf("%v is not within the picture", b)
		}
	}
}

func FuzzVIA(f *testing.F) {
	f.Add([]byte(`{"a": {"filename": "a", "regions": [{"shape_attributes": {"name": "rect", "x": 1, "y": 1, "width": 3, "height": 4}}]}}`))
	f.Add([]byte(`{"_via_img_metadata": {"a": {"regions": {"0": {"shape_attributes": {"name": "ellipse", "rx": 1e9, "ry": 3, "theta": 1e300}}}}}}`))
	f.Add([]byte(`{"a": {"regions": [{"shape_attributes": {"name": "polygon", "all_points_x": [1, 50, 3], "all_points_y": [1e5, 2, 3]}}]}}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		all, err := parseVIA(content)
		if refused(t, err) {
			return
		}
		s := &reading{set: &Set{}, index: map[string]int{}, masks: true}
		p := Picture{Width: 100, Height: 50}
		for _, entry := range all {
			for _, region := range entry.regions {
				s.viaRegion(&p, mark{"x", region.line}, region, "")
			}
		}
		inside(t, p)
	})
}

func FuzzLabelme(f *testing.F) {
	f.Add([]byte(`{"shapes": [{"label": "a", "points": [[1, 2], [30, 4], [5, 60]], "group_id": 1, "shape_type": "polygon"}], "imagePath": "a"}`))
	f.Add([]byte(`{"shapes": [{"label": "a", "points": [[1, 2], [1e9, 4]], "shape_type": "circle"}, {"label": "b", "points": [[1, 2], [], null]}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := parseLabelme(content)
		if refused(t, err) {
			return
		}
		s := &reading{set: &Set{}, index: map[string]int{}, masks: true}
		p := Picture{Width: 100, Height: 50}
		s.labelmeShapes(&p, "x", file.shapes)
		inside(t, p)
	})
}
