package boxes

import "github.com/bestiary-ml/bestiary/data"

// Description says which pictures with boxes a detector was trained on and how they were shown.
type Description struct {
	Path        string   `json:"path"`             // see [Open]
	From        string   `json:"from,omitempty"`   // absolute path of the folder in which Path was given, if Path is relative
	Split       string   `json:"split,omitempty"`  // as in Options
	Years       string   `json:"years,omitempty"`  // likewise
	Labels      string   `json:"labels,omitempty"` // likewise
	Images      string   `json:"images,omitempty"` // likewise
	As          string   `json:"as,omitempty"`     // likewise
	Of          []string `json:"of,omitempty"`     // with As: Options.Classes
	Masks       bool     `json:"masks,omitempty"`  // likewise
	Share       float64  `json:"hold_out"`         // share of the pictures that is held out
	Augment     SSD      `json:"augment"`          // of the training pictures
	Pictures    int      `json:"pictures"`         // to train on
	Boxes       int      `json:"boxes"`            // in them
	Empty       int      `json:"empty"`            // of Pictures, without boxes
	HeldOut     int      `json:"held_out"`         // pictures
	Fingerprint string   `json:"fingerprint"`      // of the training pictures with their boxes and masks
}

// Locate returns the path of the pictures as seen from the current folder: see [data.Description.Locate].
func (d Description) Locate() string {
	if IsScenes(d.Path) {
		return d.Path
	}
	return data.Description{Path: d.Path, From: d.From}.Locate()
}

// Options returns the options with which [Open] reads the same pictures again, for the classes of a model.
func (d Description) Options(classes []string) Options {
	if d.As != "" {
		classes = d.Of
	}
	return Options{As: d.As, Masks: d.Masks, Split: data.Split(d.Split), Classes: classes, Years: d.Years, Labels: data.Labels(d.Labels), Images: d.Images}
}
