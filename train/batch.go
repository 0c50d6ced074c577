package train

import (
	"encoding/json"
	"fmt"
	"math"
)

// Batch is what a [Source] yields and a task's loss takes: any type that knows its number of items, at least 1. This
// package has [PictureBatch], [CaptionedBatch] and [RowBatch].
type Batch interface {
	Len() int
}

// Source yields batches without end, epoch after epoch.
type Source[B Batch] interface {
	// Next returns the next batch. The batch may share memory with the source: it is valid until Next is called again.
	Next() (B, error)
	// Batches returns the number of batches in an epoch.
	Batches() int
	// State returns the position of the batch that Next returns next, as JSON.
	State() (json.RawMessage, error)
	// SetState restores a position that State returned. It fails if the data or the batch size have changed.
	SetState(state json.RawMessage) error
}

// CheckFinite returns an error if rows of equal length hold NaN or infinities. place names row i for the error:
// "images/cat.jpg".
func CheckFinite(values []float32, row int, place func(i int) string) error {
	for i, v := range values {
		if v64 := float64(v); math.IsNaN(v64) || math.IsInf(v64, 0) {
			return fmt.Errorf("%s: the data holds %v (value %d); remove or correct it", place(i/row), v, i%row)
		}
	}
	return nil
}
