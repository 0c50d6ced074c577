package table

// Description says where the rows of a training come from. A run folder keeps it.
type Description struct {
	Path     string          `json:"path"`
	Kinds    map[string]Kind `json:"kinds,omitempty"` // of columns whose kind was not found out
	Share    float64         `json:"share"`           // of the rows, held out to evaluate the training
	Seed     uint64          `json:"seed"`            // of the choice of held-out rows
	Encoding Encoding        `json:"encoding"`
}

// Names are the columns that the encoding uses.
func (e *Encoding) Names() (names []string) {
	for _, all := range [][]Column{e.Columns, e.Condition} {
		for _, c := range all {
			names = append(names, c.Name)
		}
	}
	return names
}
