package eval

import (
	"context"

	"github.com/bestiary-ml/bestiary/classifier"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/sample"
)

// judge measures by the classifiers whether samples show what was asked for.
func (r *Reference) judge(ctx context.Context, q *Quality, g *sample.Generator, requests []sample.Request, pixels []uint8) error {
	for _, j := range r.options.Judges {
		_, drawn, err := j.Look(ctx, pixels) // [samples][classes]
		if err != nil {
			return err
		}
		_, photos, err := j.Look(ctx, r.heldOut.Pixels) // [held-out][classes]
		if err != nil {
			return err
		}
		switch attributes := j.Config().Attributes; {
		case attributes && g.Classes == nil && q.Attributes == nil:
			r.judgeAttributes(q, j.Config().Classes, requests, drawn, photos)
		case !attributes && g.Classes != nil && q.ClassAccuracy == nil:
			if err := r.judgeClasses(ctx, q, j, drawn, photos); err != nil {
				return err
			}
		}
	}
	return nil
}

// judgeClasses measures the share of pictures in which the classifier sees the class asked for.
func (r *Reference) judgeClasses(ctx context.Context, q *Quality, j *Judge, drawn, photos [][]float64) error {
	assigned, err := r.assign(ctx, j, photos)
	if err != nil {
		return err
	}
	if assigned == nil {
		return nil
	}
	right := func(row []float64, label int) float64 {
		sums, other := make([]float64, len(r.heldOut.Classes)), 0.0 // other: the largest of a class that nobody asks for
		for k, p := range row {
			if assigned[k] >= 0 {
				sums[assigned[k]] += p
			} else {
				other = max(other, p)
			}
		}
		if largest(sums) == label && sums[label] > other {
			return 1
		}
		return 0
	}
	samples, real := make([]float64, len(drawn)), make([]float64, len(photos))
	for i, row := range drawn {
		samples[i] = right(row, r.heldOut.Label(r.chosen[i]))
	}
	for i, row := range photos {
		real[i] = right(row, r.heldOut.Label(i))
	}
	floor := EstimateShare(real)
	q.ClassAccuracy = &Compared{Estimate: EstimateShare(samples), Floor: &floor}
	return nil
}

// assign returns, for each class of the classifier, the class of the pictures that it is: that of the same name if the
// classifier knows all of them. Otherwise, such as for a classifier of breeds and pictures by species, it is the class
// to whose photos the classifier gives it the most probability. A class that is none of these is −1. It returns nil if
// the classifier can't tell the classes apart: there is one, which it doesn't know, or there are more than it has.
func (r *Reference) assign(ctx context.Context, j *Judge, photos [][]float64) ([]int, error) {
	own := j.Config().Classes
	assigned := make([]int, len(own))
	if numbers, err := numbersOf(r.heldOut.Classes, own); err == nil {
		for i := range assigned {
			assigned[i] = -1
		}
		for label, k := range numbers {
			assigned[k] = label
		}
		return assigned, nil
	}
	if len(r.heldOut.Classes) < 2 || len(own) < len(r.heldOut.Classes) {
		return nil, nil
	}
	sums := make([][]float64, len(own)) // [classes of the classifier][classes of the pictures]
	for k := range sums {
		sums[k] = make([]float64, len(r.heldOut.Classes))
	}
	counts := make([]float64, len(r.heldOut.Classes))
	for i := range photos {
		counts[r.heldOut.Label(i)]++
	}
	for i, row := range photos {
		label := r.heldOut.Label(i)
		for k, p := range row {
			sums[k][label] += p / counts[label]
		}
	}
	for k := range assigned {
		assigned[k] = largest(sums[k])
	}
	return assigned, ctx.Err()
}

// judgeAttributes measures the share of the attributes of a prompt that the classifier sees, as the mean over the samples
// whose prompts name some.
func (r *Reference) judgeAttributes(q *Quality, words []string, requests []sample.Request, drawn, photos [][]float64) {
	named := make([][]bool, len(requests))
	for i, request := range requests {
		named[i] = make([]bool, len(words))
		for k, word := range words {
			named[i][k] = classifier.Mentions(request.Prompt, word)
		}
	}
	var seen, other, real []float64
	for i := range requests {
		if share, ok := shareSeen(drawn[i], named[i], nil); ok {
			seen = append(seen, share)
		}
		if share, ok := shareSeen(drawn[i], named[(i+1)%len(requests)], named[i]); ok {
			other = append(other, share)
		}
		if share, ok := shareSeen(photos[r.chosen[i]], named[i], nil); ok {
			real = append(real, share)
		}
	}
	if len(seen) == 0 { // no prompt names an attribute
		return
	}
	floor := EstimateMean(real)
	q.Attributes = &Compared{Estimate: EstimateMean(seen), Floor: &floor}
	if len(other) > 0 {
		q.AttributesShuffled = &Compared{Estimate: EstimateMean(other)}
	}
}

// shareSeen returns the share of wanted attributes with a probability above a half, without those to leave out; ok is
// false if none is left.
func shareSeen(probabilities []float64, wanted, without []bool) (share float64, ok bool) {
	n := 0
	for k, want := range wanted {
		if !want || without != nil && without[k] {
			continue
		}
		n++
		if probabilities[k] > 0.5 {
			share++
		}
	}
	return share / float64(max(n, 1)), n > 0
}

// Retrieval100 says how often a picture finds its prompt among 100, by the similarities of a CLIP. The floor is that of
// the photos whose captions the prompts are.
type Retrieval100 struct {
	Candidates int       `json:"candidates"` // 100, or the number of different prompts if there are fewer
	Top1       *Compared `json:"top1"`
	Top5       *Compared `json:"top5"`
	Chance     float64   `json:"chance_top1"`
	CLIP       string    `json:"clip,omitempty"` // the run that the CLIP is of
}

// retrievalCandidates is the number of prompts among which a picture is to find its own.
const retrievalCandidates = 100

// retrieval measures how often samples find their prompts among 100 captions of held-out pictures, by the same candidates
// as the photos.
func (r *Reference) retrieval(ctx context.Context, pixels []uint8) (*Retrieval100, error) {
	p := r.options.CLIP
	if err := p.RequireCLIP(); err != nil {
		return nil, err
	}
	if channels := max(r.heldOut.Channels, 3); p.Size() != r.heldOut.Size || p.Channels() != channels {
		return nil, fault.Field("CLIP", nil, "reads pictures of %d pixels with %d channels, and these have %d pixels with %d; train one with ImageSize %d and Channels %d",
			p.Size(), p.Channels(), r.heldOut.Size, channels, r.heldOut.Size, channels)
	}
	var captions []string // different ones
	number := map[string]int{}
	for i := range r.heldOut.Len() {
		if caption := r.caption(i); caption != "" {
			if _, known := number[caption]; !known {
				number[caption], captions = len(captions), append(captions, caption)
			}
		}
	}
	texts, err := p.EmbedTexts(ctx, captions)
	if err != nil {
		return nil, err
	}
	drawn, err := p.EmbedImages(ctx, pixels)
	if err != nil {
		return nil, err
	}
	var real []uint8
	for _, from := range r.chosen {
		real = append(real, r.heldOut.Image(from)...)
	}
	photos, err := p.EmbedImages(ctx, real)
	if err != nil {
		return nil, err
	}
	latent := len(texts) / len(captions)
	n := min(retrievalCandidates, len(captions))
	result := &Retrieval100{Candidates: n, Chance: 1 / float64(n), Top1: &Compared{}, Top5: &Compared{}}
	result.Top1.Floor, result.Top5.Floor = new(Estimate), new(Estimate)
	for _, set := range []struct {
		images     []float32
		top1, top5 *Estimate
	}{{drawn, &result.Top1.Estimate, &result.Top5.Estimate}, {photos, result.Top1.Floor, result.Top5.Floor}} {
		first, five := make([]float64, len(r.chosen)), make([]float64, len(r.chosen))
		for i, from := range r.chosen {
			own := number[r.caption(from)]
			better := betterCandidates(set.images[i*latent:(i+1)*latent], texts, own, n, uint32(i))
			if better < 1 {
				first[i] = 1
			}
			if better < 5 {
				five[i] = 1
			}
		}
		*set.top1, *set.top5 = EstimateShare(first), EstimateShare(five)
	}
	return result, nil
}

// betterCandidates returns how many of n−1 other texts, drawn without replacement, are at least as similar to a picture as
// its own.
func betterCandidates(picture, texts []float32, own, n int, stream uint32) int {
	latent := len(picture)
	all := len(texts) / latent
	similar := func(text int) (sum float64) {
		for k, v := range texts[text*latent : (text+1)*latent] {
			sum += float64(v) * float64(picture[k])
		}
		return sum
	}
	mine, better := similar(own), 0
	for _, text := range others(all, own, n-1, stream) {
		if similar(text) >= mine {
			better++
		}
	}
	return better
}

// others draws n different numbers of [0, all) without own.
func others(all, own, n int, stream uint32) []int {
	order := make([]int, 0, all-1)
	for i := range all {
		if i != own {
			order = append(order, i)
		}
	}
	index := make([]int, 1)
	for i := range n { // Fisher and Yates
		resample(index, len(order)-i, 3+stream, uint32(i))
		order[i], order[i+index[0]] = order[i+index[0]], order[i]
	}
	return order[:n]
}
