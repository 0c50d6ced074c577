package boxes

import "github.com/bestiary-ml/bestiary/data/mask"

// Object is an object in a picture.
type Object struct {
	Class     int     `json:"class"` // index into the names of the classes
	Box       Box     `json:"box"`   // in pixels
	Difficult bool    `json:"difficult,omitempty"`
	Truncated bool    `json:"truncated,omitempty"` // the box is not around all of the object: Pascal VOC
	Crowd     bool    `json:"crowd,omitempty"`     // the box is around several objects: COCO's iscrowd
	Area      float64 `json:"area,omitempty"`      // in pixels, of the object's mask, if the dataset says so; 0: that of the box

	Mask *mask.Mask `json:"mask,omitempty"` // in pixels of the picture; nil unless Options.Masks asks for it
}

// Size returns the area of the object, or else of its box, in pixels: what COCO tells small objects from large ones by.
func (o Object) Size() float64 {
	if o.Area > 0 {
		return o.Area
	}
	return o.Box.Area()
}
