package sample

import (
	"fmt"
	"image"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/nn/sampling"
)

// GenerateOptions say what [TextToImage.Generate] draws. Beyond the prompts, the zero value draws one picture for each
// prompt from the model's own distribution.
type GenerateOptions struct {
	Prompts    []string
	Model      string            // which generator draws: "dalle", "maskgit" or "rectified"; "" if there is only one
	N          int               // pictures for a prompt; 0 is 1
	Seed       uint64            // picture i of a prompt depends on the seed, the prompt and i only
	Sampling   *sampling.Options // nil is the generator's default, see TextToImage.DefaultSampling
	Candidates int               // draw this many for each prompt and keep the N with the highest CLIP score; 0 draws N
	Truncate   bool              // cut a prompt that is too long for the model, instead of an error

	Prime     *image.NRGBA // a picture of the model's size; every picture begins with its upper part; nil for none
	PrimeRows int          // rows of codes or latents to take from Prime; 0 is 7 of every 16 rows
	// Repaint is a rectangle of Prime, in pixels, that is drawn anew while the rest is kept. Codes or latents that it touches
	// are sampled. The zero value keeps PrimeRows instead. Not for DALL-E, which draws row by row.
	Repaint image.Rectangle

	Steps     int      // passes of MaskGIT, or steps of a rectified flow's solver; 0 is the default
	Choice    *float64 // MaskGIT: see maskgit.Options; nil is the default
	Solver    string   // rectified flow: see rectified.Solver; "" is the default
	Tolerance float64  // rectified flow with the adaptive solver: see rectified.Options; 0 is the default

	GuidanceFrom, GuidanceTo float64 // rectified flow: times between which it is guided, see rectified.Options; 0 and 0: always

	Batch int        // pictures generated together: more are faster, take more memory and round differently; 0 is 16
	Rows  func(Rows) // called after each row of codes, pass or step; may be nil; see Rows
}

// Validate returns a [*fault.FieldError], or a [*PromptError], for a value that no model allows.
func (o GenerateOptions) Validate() error {
	if len(o.Prompts) == 0 || len(o.Prompts) > MaxPrompts {
		return fault.Field("Prompts", len(o.Prompts), "must be from 1 to %d prompts", MaxPrompts)
	}
	for i, prompt := range o.Prompts {
		if err := checkPrompt(prompt); err != nil {
			return &PromptError{i, err}
		}
	}
	if err := checkCounts(o.N, o.Candidates); err != nil {
		return err
	}
	if each := max(o.N, o.Candidates, 1); each*len(o.Prompts) > MaxCandidates {
		return fault.Field("Prompts", len(o.Prompts), "must be at most %d with %d pictures to draw for each", MaxCandidates/each, each)
	}
	if o.Batch < 0 || o.Batch > MaxBatch {
		return fault.Field("Batch", o.Batch, "must be from 1 to %d, or 0 for %d", MaxBatch, generateBatch)
	}
	if o.PrimeRows != 0 && o.Prime == nil {
		return fault.Field("PrimeRows", o.PrimeRows, "needs a picture to begin with; set Prime too, or leave PrimeRows out")
	}
	switch {
	case o.Choice != nil && !(*o.Choice >= 0 && *o.Choice <= 1e6):
		return fault.Field("Choice", *o.Choice, "must be from 0 to 1e6")
	case o.Tolerance != 0 && !(o.Tolerance >= 1e-5 && o.Tolerance <= 1):
		return fault.Field("Tolerance", o.Tolerance, "must be from 1e-05 to 1, or 0 for the default")
	}
	if err := o.solving().Validate(); err != nil {
		return err
	}
	if repaint := o.Repaint != (image.Rectangle{}); repaint && o.Prime == nil {
		return fault.Field("Repaint", nil, "needs a picture; set Prime too, or leave Repaint out")
	} else if repaint && o.PrimeRows != 0 {
		return fault.Field("PrimeRows", o.PrimeRows, "can't be combined with Repaint; set one of them")
	}
	return settings(o.Sampling).Validate()
}

// checkPrimeRows returns an error unless a picture with height rows of codes can begin with rows given ones.
func checkPrimeRows(rows, height int) error {
	if rows < 0 || rows >= height {
		return fault.Field("PrimeRows", rows, "must be from 1 to %d, since a picture has %d rows of codes, or 0 for 7 of 16", height-1, height)
	}
	return nil
}

// checkPrompt returns an error for a prompt that is too large to be read.
func checkPrompt(prompt string) error {
	if len(prompt) > MaxPromptBytes {
		return fmt.Errorf("must have at most %d bytes, not %d; shorten it", MaxPromptBytes, len(prompt))
	}
	return nil
}

// PromptError says what is wrong with one of several prompts. errors.As also finds it as a [*fault.FieldError].
type PromptError struct {
	Prompt int // index into Prompts
	Err    error
}

// Error implements error: "prompt 2: …", counted from 1.
func (e *PromptError) Error() string { return fmt.Sprintf("prompt %d: %v", e.Prompt+1, e.Err) }

// Unwrap returns Err.
func (e *PromptError) Unwrap() error { return e.Err }

// As implements the interface of errors.As for a *fault.FieldError.
func (e *PromptError) As(target any) bool {
	field, ok := target.(**fault.FieldError)
	if ok {
		*field = &fault.FieldError{Field: "Prompts", Want: e.Error()}
	}
	return ok
}
