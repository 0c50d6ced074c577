package boxes

import (
	"encoding/json"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/regular"
)

// jsonLayout returns the layout of a JSON file by its first keys: VIA, labelme or, also if it can't be read, COCO.
func jsonLayout(file string) string {
	f, _, err := regular.Open(file)
	if err != nil {
		return layoutCOCO
	}
	defer f.Close()
	d := json.NewDecoder(f)
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return layoutCOCO
	}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			break
		}
		key, _ := token.(string)
		switch {
		case key == "images" || key == "annotations" || key == "categories":
			return layoutCOCO
		case key == "shapes" || key == "imagePath":
			return layoutLabelme
		case strings.HasPrefix(key, "_via_"):
			return layoutVIA
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			break
		}
		var picture struct {
			File    *string         `json:"filename"`
			Regions json.RawMessage `json:"regions"`
		}
		if json.Unmarshal(value, &picture) == nil && picture.File != nil && picture.Regions != nil {
			return layoutVIA
		}
	}
	return layoutCOCO
}

// openJSON reads a JSON file, or a folder of which file is the first, in the layout of the file.
func openJSON(root, file string, o Options) (*Set, error) {
	switch jsonLayout(file) {
	case layoutVIA:
		return VIA(file, o)
	case layoutLabelme:
		return Labelme(root, o)
	}
	return COCO(root, o)
}
