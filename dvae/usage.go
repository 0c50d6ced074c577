package dvae

import (
	"encoding/json"
	"errors"
	"math"
)

// Usage counts the codes in use over a sliding window of batches. Its state is JSON, for checkpoints.
type Usage struct {
	codes, window int
	// The window slides by its whole length, so two counts for each code are enough. Results are over the last one to two
	// windows of batches.
	present, past []int
	batches       int  // in present
	full          bool // past is a whole window
}

// NewUsage returns a count over at least the last window of batches, for a codebook with that number of codes.
func NewUsage(codes, window int) *Usage {
	return &Usage{codes: codes, window: max(1, window), present: make([]int, codes), past: make([]int, codes)}
}

// Add counts a batch, given the number of positions of each code: see [tensor.Tensor.Counts].
func (u *Usage) Add(counts []float32) {
	if u.batches == u.window {
		u.past, u.present = u.present, u.past
		clear(u.present)
		u.batches, u.full = 0, true
	}
	for c, n := range counts {
		u.present[c] += int(n)
	}
	u.batches++
}

// Perplexity returns e to the entropy of the codes in the window: 1 if all positions have the same code, the size of the
// codebook if all codes are equally frequent. It is 0 before the first batch.
func (u *Usage) Perplexity() float64 {
	total, sum := 0.0, 0.0
	for c := range u.codes {
		if n := float64(u.present[c] + u.past[c]); n > 0 {
			total += n
			sum += n * math.Log(n)
		}
	}
	if total == 0 {
		return 0
	}
	return math.Exp(math.Log(total) - sum/total)
}

// Used returns the number of different codes in the window.
func (u *Usage) Used() int {
	n := 0
	for c := range u.codes {
		if u.present[c]+u.past[c] > 0 {
			n++
		}
	}
	return n
}

// Dead returns the codes that don't occur in the window, in ascending order; none before the window is full.
func (u *Usage) Dead() []int {
	if !u.Full() {
		return nil
	}
	var dead []int
	for c := range u.codes {
		if u.present[c]+u.past[c] == 0 {
			dead = append(dead, c)
		}
	}
	return dead
}

// Full reports whether a whole window has been counted since the last Reset.
func (u *Usage) Full() bool { return u.full || u.batches == u.window }

// Reset begins a new window. Call it after reviving codes.
func (u *Usage) Reset() {
	clear(u.present)
	clear(u.past)
	u.batches, u.full = 0, false
}

// usageState is a Usage as JSON.
type usageState struct {
	Present []int `json:"present"`
	Past    []int `json:"past"`
	Batches int   `json:"batches"`
	Full    bool  `json:"full"`
}

// MarshalJSON implements json.Marshaler.
func (u *Usage) MarshalJSON() ([]byte, error) {
	return json.Marshal(usageState{u.present, u.past, u.batches, u.full})
}

// UnmarshalJSON implements json.Unmarshaler. The Usage must come from NewUsage with the arguments of the saved one.
func (u *Usage) UnmarshalJSON(b []byte) error {
	var s usageState
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	if len(s.Present) != u.codes || len(s.Past) != u.codes || s.Batches < 0 || s.Batches > u.window {
		return errors.New("the saved usage of codes is of another codebook or window; resume with the settings of the run")
	}
	u.present, u.past, u.batches, u.full = s.Present, s.Past, s.Batches, s.Full
	return nil
}
