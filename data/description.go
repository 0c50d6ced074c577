package data

// Description says which pictures a model was trained on and how they were prepared. It is the section "data" of a run's
// config.json. source.OpenDescription opens the same pictures again.
type Description struct {
	Path        string   `json:"path"`                    // a file or folder, or "drawn:SEED:N", "birds:SEED:N"; see source.Open
	Classes     []string `json:"classes"`                 // in the order of the flow's condition
	Split       string   `json:"split,omitempty"`         // part of the pictures: trainval, test, all, …
	Labels      string   `json:"labels,omitempty"`        // pets only: species or breed
	Size        int      `json:"size"`                    // side of the square pictures, in pixels
	Resize      string   `json:"resize"`                  // squash or crop
	Pictures    int      `json:"pictures"`                // number of training pictures
	HeldOut     int      `json:"held_out"`                // number of held-out pictures
	Channels    int      `json:"channels,omitempty"`      // 4 for RGBA
	Images      string   `json:"image_columns,omitempty"` // WebDataset only: columns with pictures, by preference
	Texts       string   `json:"text_columns,omitempty"`  // WebDataset only: columns with captions, by preference
	Fingerprint string   `json:"fingerprint"`             // of the training pictures: a resumed training checks it
	Share       float64  `json:"hold_out"`                // share of the pictures that is held out
	Augment     Augment  `json:"augment"`                 // of the training pictures
	Balance     bool     `json:"balance"`                 // every class equally often
}
