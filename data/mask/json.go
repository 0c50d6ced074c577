package mask

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// MarshalJSON writes the mask as COCO's segmentation: a list of polygons, each x, y, x, y and so on, or an [RLE].
func (m *Mask) MarshalJSON() ([]byte, error) {
	if m.Runs != nil {
		return json.Marshal(m.Runs)
	}
	all := make([][]float64, len(m.Polygons))
	for i, p := range m.Polygons {
		for _, q := range p {
			all[i] = append(all[i], q.X, q.Y)
		}
	}
	return json.Marshal(all)
}

// UnmarshalJSON reads COCO's segmentation, see [Mask.MarshalJSON] and [RLE.UnmarshalJSON].
func (m *Mask) UnmarshalJSON(content []byte) error {
	*m = Mask{}
	if bytes.HasPrefix(content, []byte("{")) {
		m.Runs = new(RLE)
		return json.Unmarshal(content, m.Runs)
	}
	var all [][]float64
	if err := json.Unmarshal(content, &all); err != nil {
		return errors.New("the segmentation is neither a list of lists of numbers nor a run-length encoding; correct it")
	}
	for i, values := range all {
		if len(values)%2 != 0 {
			return fmt.Errorf("polygon %d of the segmentation has %d numbers; give x and y of each corner", i+1, len(values))
		}
		p := make(Polygon, len(values)/2)
		for k := range p {
			p[k] = Point{values[2*k], values[2*k+1]}
		}
		m.Polygons = append(m.Polygons, p)
	}
	return nil
}
