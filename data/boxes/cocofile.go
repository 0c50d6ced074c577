package boxes

import (
	"encoding/json"

	"github.com/bestiary-ml/bestiary/data/mask"
)

// cocoFile is the content of a JSON file, with the lines of its parts.
type cocoFile struct {
	categories  []cocoCategory
	images      []cocoImage
	annotations []cocoAnnotation
}

type cocoCategory struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	line int
}

type cocoImage struct {
	ID     int64  `json:"id"`
	File   string `json:"file_name"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	line   int
}

type cocoAnnotation struct {
	ID       int64   `json:"id"`
	Image    int64   `json:"image_id"`
	Category int64   `json:"category_id"`
	Box      numbers `json:"bbox"`
	Area     float64 `json:"area"`
	Crowd    int     `json:"iscrowd"`
	Hard     int     `json:"difficult"` // not COCO's own, see WriteCOCO
	mask     cocoMask
	line     int
}

// cocoMask is the mask of an annotation, or what is wrong with it.
type cocoMask struct {
	mask    *mask.Mask
	problem error
}

// UnmarshalJSON keeps an error, so that the other annotations are read.
func (m *cocoMask) UnmarshalJSON(content []byte) error {
	if string(content) != "null" {
		m.mask = &mask.Mask{}
		m.problem = json.Unmarshal(content, m.mask)
	}
	return nil
}

// parseCOCO reads a JSON file, one part after the other, with the masks of the annotations or without them. Its errors are
// [*lineError].
func parseCOCO(content []byte, masks bool) (*cocoFile, error) {
	r := newJSON(content)
	f := &cocoFile{}
	err := r.object("give a JSON file of COCO's form", func(key string) error {
		var element func(line int) error
		switch key {
		case "categories":
			element = func(line int) error {
				f.categories = append(f.categories, cocoCategory{line: line})
				return r.decode(&f.categories[len(f.categories)-1])
			}
		case "images":
			element = func(line int) error {
				f.images = append(f.images, cocoImage{line: line})
				return r.decode(&f.images[len(f.images)-1])
			}
		case "annotations":
			element = func(line int) error {
				a := struct {
					cocoAnnotation
					Mask cocoMask `json:"segmentation"`
				}{}
				read := any(&a)
				if !masks {
					read = &a.cocoAnnotation
				}
				err := r.decode(read)
				a.line, a.mask = line, a.Mask
				f.annotations = append(f.annotations, a.cocoAnnotation)
				return err
			}
		default:
			return r.skip()
		}
		return r.list(key+" is not a list; give a JSON file of COCO's form", element)
	})
	if err != nil {
		return nil, err
	}
	if r.next() != 0 {
		return nil, &lineError{r.at(), "goes on after the end of its object; remove what follows"}
	}
	if len(f.images) == 0 || len(f.categories) == 0 {
		return nil, &lineError{1, "has no images or no categories; give a JSON file of COCO's form, such as instances_val2017.json"}
	}
	return f, nil
}
