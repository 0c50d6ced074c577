package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/spf13/cobra"
)

// completeText replaces prompts by the captions that the model completes them to.
func (g *generateFlags) completeText(c *cobra.Command, pipeline *sample.TextToImage, prompts []prompt, texts []string) error {
	unguided := g.sampling
	unguided.Guidance = 1
	o := sample.CompleteOptions{Seed: g.options.Seed, Sampling: &unguided}
	d, err := g.device.open()
	if err != nil {
		return err
	}
	completed, err := ranks.Divide(d, len(texts), 1, func(i, _ int) ([]string, error) {
		captions, err := pipeline.CompleteText(c.Context(), texts[i], o)
		var wrong *sample.PromptError
		if errors.As(err, &wrong) {
			return nil, locate(&sample.PromptError{Prompt: i, Err: wrong.Err}, prompts)
		}
		return captions, err
	})
	copy(texts, completed)
	return err
}

// idleRanks says that there are fewer batches than ranks.
func (g *generateFlags) idleRanks(c *cobra.Command, prompts int) {
	r := ranksOf(c)
	if r == nil {
		return
	}
	n, most := max(g.options.N, g.options.Candidates)*prompts, g.options.Batch
	if batches := (n + most - 1) / most; batches < r.Size() {
		fmt.Fprintf(c.ErrOrStderr(), "%s to draw: with --batch %d, %d of %d ranks have work; a smaller --batch gives all of them some\n",
			count(n, "picture"), most, batches, r.Size())
	}
}

// arrange makes a section of the pictures of each prompt, and a line of figures for each.
func (g *generateFlags) arrange(prompts []string, pictures []sample.Generated) (sections []layout.Section, figures string) {
	for _, text := range prompts {
		section := layout.Section{Title: text}
		lowest, highest := math.Inf(1), math.Inf(-1)
		for _, p := range pictures[:g.options.N] {
			section.Images = append(section.Images, p.Image)
			lowest, highest = min(lowest, p.Score), max(highest, p.Score)
		}
		figures += fmt.Sprintf("%q: %s", text, count(g.options.N, "picture"))
		switch {
		case math.IsNaN(highest):
		case g.options.N == 1:
			figures += fmt.Sprintf(", CLIP score %.3f", highest)
		default:
			figures += fmt.Sprintf(", CLIP score from %.3f to %.3f", highest, lowest)
		}
		figures += "\n"
		sections, pictures = append(sections, section), pictures[g.options.N:]
	}
	return sections, figures
}

// saveCodes writes the codes of pictures, row by row, as JSON.
func saveCodes(path string, grid int, pictures []sample.Generated) error {
	type entry struct {
		Prompt string   `json:"prompt"`
		Index  int      `json:"index"`
		Score  *float64 `json:"score,omitempty"` // by CLIP, if there is one
		Rows   int      `json:"rows"`
		Codes  []int32  `json:"codes"`
	}
	all := make([]entry, len(pictures))
	for i, p := range pictures {
		all[i] = entry{Prompt: p.Prompt, Index: p.Index, Rows: grid, Codes: p.Codes}
		if !math.IsNaN(p.Score) {
			all[i].Score = &p.Score
		}
	}
	return atomicfile.Write(path, func(w io.Writer) error { return json.NewEncoder(w).Encode(all) })
}
