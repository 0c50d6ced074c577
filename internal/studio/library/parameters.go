package library

import (
	"encoding/json"
	"path/filepath"
	"regexp"

	"github.com/bestiary-ml/bestiary/internal/regular"
)

// whole returns the number of parameters in a safetensors file, and what is wrong with it, as far as its header shows.
func whole(path string) (parameters int, problem string) {
	name := filepath.Base(path)
	f, info, err := regular.Open(path)
	if err != nil {
		return 0, "" // its next content is committed under another name
	}
	defer f.Close()
	var length [8]byte
	if _, err := f.ReadAt(length[:], 0); err != nil {
		return 0, name + ": ends before its header; restore it from a copy"
	}
	n := int64(0)
	for i := 7; i >= 0; i-- {
		n = n<<8 | int64(length[i])
	}
	if n < 2 || n > 100<<20 || n > info.Size()-8 {
		return 0, name + ": ends before its header; restore it from a copy"
	}
	header := make([]byte, n)
	var tensors map[string]struct {
		Shape   []int    `json:"shape"`
		Offsets [2]int64 `json:"data_offsets"`
	}
	if _, err := f.ReadAt(header, 8); err != nil {
		return 0, name + ": can't be read"
	}
	var raw map[string]json.RawMessage
	if json.Unmarshal(header, &raw) != nil {
		return 0, name + ": its header is damaged; restore it from a copy"
	}
	delete(raw, "__metadata__")
	again, _ := json.Marshal(raw)
	if json.Unmarshal(again, &tensors) != nil {
		return 0, name + ": its header is damaged; restore it from a copy"
	}
	end := int64(0)
	for tensor, t := range tensors {
		end = max(end, t.Offsets[1])
		if !statistic.MatchString(tensor) {
			size := 1
			for _, side := range t.Shape {
				size *= side
			}
			parameters += size
		}
	}
	if info.Size() != 8+n+end {
		return 0, name + ": is cut off or has been altered; restore it from a copy"
	}
	return parameters, ""
}

// statistic are the names of statistics of batch normalization, which are no parameters.
var statistic = regexp.MustCompile(`(running_mean|running_var|num_batches_tracked)$`)
