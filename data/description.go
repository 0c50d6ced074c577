package data

import (
	"os"
	"path/filepath"
)

// Description says which pictures a model was trained on and how they were prepared. It is the section "data" of a run's
// config.json. source.OpenDescription opens the same pictures again.
type Description struct {
	Path          string   `json:"path"`                     // a file or folder, or "drawn:SEED:N", "birds:SEED:N"; see source.Open
	From          string   `json:"from,omitempty"`           // absolute path of the folder in which Path was given, if Path is relative
	Classes       []string `json:"classes"`                  // in the order of the flow's condition
	Split         string   `json:"split,omitempty"`          // part of the pictures: trainval, test, all, …
	Part          string   `json:"part,omitempty"`           // part of the split by the names of pictures, see Part
	Labels        string   `json:"labels,omitempty"`         // pets only: species or breed
	Size          int      `json:"size"`                     // side of the square pictures, in pixels
	Resize        string   `json:"resize"`                   // squash, crop, or boxes with a margin
	Cutout        string   `json:"cutout,omitempty"`         // takes the background away, see Cutout
	Pictures      int      `json:"pictures"`                 // number of training pictures
	HeldOut       int      `json:"held_out"`                 // number of held-out pictures
	Channels      int      `json:"channels,omitempty"`       // 4 for RGBA
	Images        string   `json:"image_columns,omitempty"`  // WebDataset only: columns with pictures, by preference
	Texts         string   `json:"text_columns,omitempty"`   // WebDataset only: columns with captions, by preference
	ClassCaptions bool     `json:"class_captions,omitempty"` // captions are the names of the classes, see Dataset.WithClassCaptions
	BreedCaptions bool     `json:"breed_captions,omitempty"` // captions are the names of breed and class, see Dataset.WithBreedCaptions
	Fingerprint   string   `json:"fingerprint"`              // of the training pictures: a resumed training checks it
	Share         float64  `json:"hold_out"`                 // share of the pictures that is held out
	Augment       Augment  `json:"augment"`                  // of the training pictures
	Grow          bool     `json:"grow,omitempty"`           // Augment begins with strength 0, which grows once the model knows the pictures by heart
	Balance       bool     `json:"balance"`                  // every class equally often
}

// GivenIn returns From of a path that is given now: the current folder, or "" if the path is absolute.
func GivenIn(path string) string {
	if filepath.IsAbs(path) {
		return ""
	}
	folder, err := os.Getwd()
	if err != nil {
		return ""
	}
	return folder
}

// Locate returns the path of the pictures as seen from the current folder: a relative Path is looked for in From, and then,
// in case all was moved, in the current folder. It returns the first where there is anything, or else the path in From.
func (d Description) Locate() string {
	if filepath.IsAbs(d.Path) || d.From == "" {
		return d.Path
	}
	there := filepath.Join(d.From, d.Path)
	if _, err := os.Stat(there); err == nil {
		return there
	}
	if _, err := os.Stat(d.Path); err == nil {
		return d.Path
	}
	return there
}

// NamesAsCaptions reports whether captions are made from the names of classes or breeds, instead of read.
func (d Description) NamesAsCaptions() bool { return d.ClassCaptions || d.BreedCaptions }

// Caption returns pictures with the captions that d makes from names, or the pictures themselves. The error is that of
// [Dataset.WithBreedCaptions].
func (d Description) Caption(pictures *Dataset) (*Dataset, error) {
	switch {
	case d.BreedCaptions:
		return pictures.WithBreedCaptions()
	case d.ClassCaptions:
		return pictures.WithClassCaptions(), nil
	}
	return pictures, nil
}
