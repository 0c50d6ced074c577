package detection

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/data/mask"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/printable"
	"github.com/bestiary-ml/bestiary/internal/regular"
)

// Result is a detection in the form of COCO's result files, which pycocotools' loadRes reads.
type Result struct {
	Image    int64      `json:"image_id"`
	Category int64      `json:"category_id"`
	Box      [4]float64 `json:"bbox"` // left edge, upper edge, width and height in pixels
	Score    float64    `json:"score"`
	Mask     *mask.Mask `json:"segmentation,omitempty"` // nil from a detector of boxes

	at string // file and line that it was read from
}

// Results returns the detections of a picture in COCO's form. ids are the ids of the classes, as [boxes.Set] has them; nil means
// that class 0 has the id 1, and so on.
func Results(image int64, ids []int64, detections []detect.Detection) []Result {
	all := make([]Result, len(detections))
	for i, d := range detections {
		x, y, width, height := d.Box.Size()
		all[i] = Result{Image: image, Category: categoryOf(ids, d.Class), Box: [4]float64{x, y, width, height}, Score: d.Score}
		if d.Mask != nil {
			all[i].Mask = &mask.Mask{Runs: d.Mask}
		}
	}
	return all
}

func categoryOf(ids []int64, class int) int64 {
	if class >= 0 && class < len(ids) {
		return ids[class]
	}
	return int64(class) + 1
}

// WriteResults writes results as JSON, one a line. A number that is not finite is a [*fault.FieldError], and nothing is written.
func WriteResults(w io.Writer, all []Result) error {
	for _, r := range all {
		for _, v := range append(r.Box[:], r.Score) {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fault.Field("Results", v, "must have finite numbers; that of image id %d doesn't", r.Image)
			}
		}
	}
	b := bufio.NewWriter(w)
	b.WriteByte('[')
	for i, r := range all {
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
		b.Write(line)
	}
	b.WriteString("\n]\n")
	return b.Flush()
}

// maxResults is the number of bytes of a file of results.
const maxResults = 4 << 30

// ReadResults reads a file of results in COCO's form. Results without a bbox, such as those of masks alone, are an error. Errors
// are a [*fault.DamagedFile] with the line.
func ReadResults(path string) (_ []Result, err error) {
	defer printable.Error(&err)
	content, err := regular.ReadFile(path, maxResults)
	if err != nil {
		return nil, fault.Damaged(path, "cannot be read (%v); check the path", err)
	}
	all, line, problem := parseResults(content)
	if problem != "" {
		return nil, fault.Damaged(fmt.Sprintf("%s:%d", path, line), "%s", problem)
	}
	for i := range all {
		all[i].at = path + all[i].at
	}
	return all, nil
}

// parseResults parses a list of results. problem says what is wrong with a line.
func parseResults(content []byte) (all []Result, line int, problem string) {
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	d := json.NewDecoder(bytes.NewReader(content))
	line, counted := 1, 0
	advance := func(offset int) {
		for offset < len(content) && strings.IndexByte(" \t\r\n,", content[offset]) >= 0 {
			offset++
		}
		if offset = min(offset, len(content)); offset > counted {
			line += bytes.Count(content[counted:offset], []byte("\n"))
			counted = offset
		}
	}
	bad := func(err error) string {
		var syntax *json.SyntaxError
		var kind *json.UnmarshalTypeError
		switch {
		case errors.As(err, &syntax):
			advance(int(syntax.Offset))
			return "is not well-formed JSON (" + err.Error() + "); repair it"
		case errors.As(err, &kind):
			return fmt.Sprintf("has a %s where %s is expected in %s; correct it", kind.Value, kind.Type, kind.Field)
		}
		advance(len(content))
		return "ends too early; copy it again"
	}
	const form = "give a list of image_id, category_id, bbox and score, as pycocotools reads it"
	advance(0)
	if token, err := d.Token(); err != nil {
		return nil, line, bad(err)
	} else if token != json.Delim('[') {
		return nil, line, "is no list of results; " + form
	}
	for d.More() {
		advance(int(d.InputOffset()))
		var r struct {
			Image    *int64     `json:"image_id"`
			Category *int64     `json:"category_id"`
			Box      []float64  `json:"bbox"`
			Score    *float64   `json:"score"`
			Mask     *mask.Mask `json:"segmentation"`
		}
		if err := d.Decode(&r); err != nil {
			return nil, line, bad(err)
		}
		switch {
		case r.Image == nil || r.Category == nil || r.Score == nil:
			return nil, line, "has a result without image_id, category_id or score; " + form
		case len(r.Box) != 4:
			return nil, line, fmt.Sprintf("has a bbox of %d numbers; give x, y, width and height", len(r.Box))
		}
		all = append(all, Result{*r.Image, *r.Category, [4]float64(r.Box), *r.Score, r.Mask, fmt.Sprintf(":%d", line)})
	}
	if _, err := d.Token(); err != nil {
		return nil, line, bad(err)
	}
	return all, 0, ""
}

// Assign puts results beside the objects of a set, for [VOC], [COCO] and [NewReport]: one Picture for each of the set, in its
// order. A result of a picture or category that the set doesn't have is an error.
func Assign(s *boxes.Set, all []Result) ([]Picture, error) {
	pictures := make([]Picture, len(s.Pictures))
	index := map[int64]int{}
	for i, p := range s.Pictures {
		pictures[i].Width, pictures[i].Height, pictures[i].Objects, index[p.ID] = p.Width, p.Height, p.Objects, i
	}
	classOf := map[int64]int{}
	for c := range s.Classes {
		classOf[categoryOf(s.IDs, c)] = c
	}
	for _, r := range all {
		i, there := index[r.Image]
		if !there {
			return nil, fault.Damaged(r.place(), "names image id %d, which %s doesn't have; give the results of these pictures", r.Image, s.Path)
		}
		class, known := classOf[r.Category]
		if !known {
			return nil, fault.Damaged(r.place(), "names category id %d, which %s doesn't have; give the results of a detector of its classes", r.Category, s.Path)
		}
		box := boxes.FromSize(r.Box[0], r.Box[1], r.Box[2], r.Box[3])
		d := detect.Detection{Class: class, Box: box, Score: r.Score}
		if r.Mask != nil {
			covered, err := r.Mask.RLE(pictures[i].Width, pictures[i].Height)
			if err != nil {
				return nil, fault.Damaged(r.place(), "has a mask that can't be used: %v", err)
			}
			d.Mask = &covered
		}
		pictures[i].Detections = append(pictures[i].Detections, d)
	}
	return pictures, nil
}

// place names the result in an error.
func (r Result) place() string {
	if r.at != "" {
		return r.at
	}
	return "results"
}
