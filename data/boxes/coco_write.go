package boxes

import (
	"bufio"
	"encoding/json"
	"io"

	"github.com/bestiary-ml/bestiary/data/mask"
)

// WriteCOCO writes the set as a JSON file of COCO's form, which [COCO] and pycocotools read. The classes have the ids s.IDs, or 1,
// 2 and so on. Masks are written where there are any. Difficult objects have "difficult": 1, which pycocotools ignores: to it, they are objects like others.
func (s *Set) WriteCOCO(w io.Writer) error {
	type category struct {
		ID   int64  `json:"id"`
		Name string `json:"name"`
	}
	type picture struct {
		ID     int64  `json:"id"`
		File   string `json:"file_name"`
		Width  int    `json:"width"`
		Height int    `json:"height"`
	}
	type annotation struct {
		ID        int64      `json:"id"`
		Image     int64      `json:"image_id"`
		Category  int64      `json:"category_id"`
		Box       [4]float64 `json:"bbox"`
		Area      float64    `json:"area"`
		Crowd     int        `json:"iscrowd"`
		Difficult int        `json:"difficult,omitempty"`
		Mask      *mask.Mask `json:"segmentation,omitempty"`
	}
	number := func(set bool) int {
		if set {
			return 1
		}
		return 0
	}
	ids := s.IDs
	var categories, pictures, annotations []any
	for i, name := range s.Classes {
		if len(s.IDs) != len(s.Classes) {
			ids = append(ids[:i:i], int64(i)+1)
		}
		categories = append(categories, category{ids[i], name})
	}
	for _, p := range s.Pictures {
		pictures = append(pictures, picture{p.ID, p.Name, p.Width, p.Height})
		for _, o := range p.Objects {
			x, y, width, height := o.Box.Size()
			annotations = append(annotations, annotation{
				int64(len(annotations)) + 1, p.ID, ids[o.Class], [4]float64{x, y, width, height}, o.Size(), number(o.Crowd), number(o.Difficult), o.Mask})
		}
	}
	b := bufio.NewWriter(w)
	for i, part := range []struct {
		name string
		all  []any
	}{{"categories", categories}, {"images", pictures}, {"annotations", annotations}} {
		b.WriteString([]string{"{", ",\n"}[min(i, 1)] + `"` + part.name + `": [`)
		for k, value := range part.all {
			line, err := json.Marshal(value)
			if err != nil {
				return err
			}
			if k > 0 {
				b.WriteByte(',')
			}
			b.WriteByte('\n')
			b.Write(line)
		}
		b.WriteString("\n]")
	}
	b.WriteString("}\n")
	return b.Flush()
}
