package detect

// Detection is an object that a detector found.
type Detection struct {
	Class int     `json:"class"` // index into the names of the classes
	Box   Box     `json:"box"`   // in pixels of the picture
	Score float64 `json:"score"` // the detector's confidence, 0 to 1
}
