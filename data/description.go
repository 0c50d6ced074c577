package data

// Description says which pictures a model was trained on and how they were shown to it: what is needed to show it others of the same kind.
// It is the section "data" of a run's config.json.
type Description struct {
	Path        string   `json:"path"`                    // what --data named, or "drawn:SEED:N", "birds:SEED:N"
	Classes     []string `json:"classes"`                 // in the order of the flow's condition
	Split       string   `json:"split,omitempty"`         // the part of them: trainval, test, all …
	Labels      string   `json:"labels,omitempty"`        // species or breed, for the pets
	Size        int      `json:"size"`                    // side of the square pictures
	Resize      string   `json:"resize"`                  // squash or crop
	Pictures    int      `json:"pictures"`                // how many were trained on
	HeldOut     int      `json:"held_out"`                // how many were kept aside to watch the training
	Channels    int      `json:"channels,omitempty"`      // 4 for RGBA
	Images      string   `json:"image_columns,omitempty"` // of a WebDataset, by preference
	Texts       string   `json:"text_columns,omitempty"`  // likewise
	Fingerprint string   `json:"fingerprint"`             // of the pictures, to notice other data on a resume
	Share       float64  `json:"hold_out"`                // of the pictures kept aside
	Augment     Augment  `json:"augment"`                 // how pictures are varied in training
	Balance     bool     `json:"balance"`                 // every class is shown equally often
}
