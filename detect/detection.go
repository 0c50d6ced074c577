package detect

import "github.com/bestiary-ml/bestiary/data/mask"

// Detection is an object that a detector found.
type Detection struct {
	Class int     `json:"class"` // index into the names of the classes
	Box   Box     `json:"box"`   // in pixels of the picture
	Score float64 `json:"score"` // the detector's confidence, 0 to 1

	Mask *mask.RLE `json:"mask,omitempty"` // of a picture's size; nil from a detector of boxes
}
