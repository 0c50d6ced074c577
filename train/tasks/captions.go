package tasks

import (
	"context"
	"fmt"
	"slices"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/tokenizer"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/vqgan"
)

// CaptionOptions say which pictures with captions a model is trained on. They may be others than those of the run's
// codec, so the run folder keeps these options with the model.
type CaptionOptions struct {
	Data     data.Description `json:"data"`
	Truncate bool             `json:"truncate_captions"` // cut captions that are too long instead of refusing them
	Codec    string           `json:"dvae,omitempty"`    // checksum of the codec that encodes the pictures, to notice another one
	KL       string           `json:"kl,omitempty"`      // the same of the autoencoder with continuous latents
	Views    int              `json:"views,omitempty"`   // of a rectified flow with augmentation: random views of each picture
	From     string           `json:"-"`                 // file that the tokenizer was read from; "" if it was trained
}

// captioned returns the source of a training on captions of at most length tokens.
func captioned(t *tokenizer.Tokenizer, length int, how CaptionOptions, training, heldOut *data.Dataset, o Options) (*train.Captioned, error) {
	if _, err := train.CheckCaptions(training, t, length, how.Truncate); err != nil {
		return nil, err
	}
	if heldOut != nil && heldOut.Len() > 0 {
		if _, err := train.CheckCaptions(heldOut, t, 0, false); err != nil { // evaluation cuts long ones
			return nil, err
		}
	}
	loader := data.LoaderOptions{Shuffle: true, Batch: o.Batch, Seed: o.Seed, Augment: how.Data.Augment, Balance: how.Data.Balance}
	if how.Views > 0 {
		loader.Augment = data.Augment{} // the views are encoded beforehand
	}
	return train.NewCaptioned(training, t, length, loader)
}

// start saves the tokenizer in the run folder.
func (how CaptionOptions) start(t *tokenizer.Tokenizer) func(dir string) error {
	return func(dir string) error {
		r, err := run.Open(dir)
		if err != nil {
			return err
		}
		return r.SetTokenizer(t, how.From, models.CaptionReaders()...)
	}
}

// coder returns the codes of the pictures of a batch, [N·G·G].
type coder func(batch train.PictureBatch) []int32

// newCoder returns a coder. Without augmentation it encodes all pictures beforehand, which takes a while and stops when
// the context ends; with augmentation it encodes each batch.
func newCoder(ctx context.Context, on *hold, codec models.Codec, training *data.Dataset, how data.Augment, o Options) (coder, error) {
	d, size, channels := on.device, codec.ImageSize(), codec.Channels()
	one := size * size * channels
	some := func(values []float32) []int32 {
		s := d.Scratch()
		defer s.End()
		return codec.Codes(d.From(values, len(values)/one, size, size, channels)).IntValues()
	}
	encode := func(values []float32) (codes []int32) {
		for part := range slices.Chunk(values, encodeBatch(size)*one) {
			codes = append(codes, some(part)...)
		}
		return codes
	}
	if how.Varies() {
		return func(batch train.PictureBatch) []int32 { return encode(batch.Pixels) }, nil
	}
	all, err := encodeAll(ctx, on, training, encode, o.Progress)
	return lookUp(all, codec.Grid()*codec.Grid()), err
}

// latentCoder returns the latents of the pictures of a batch, [N·G·G·C].
type latentCoder func(batch train.PictureBatch) []float32

// newLatentCoder returns a latentCoder. It encodes all pictures beforehand, unchanged and, with augmentation, in how.Views
// random views, which takes a while and stops when the context ends. A batch has a random view of each of its pictures, drawn
// from g. With augmentation and no views, it encodes each batch.
func newLatentCoder(ctx context.Context, on *hold, kl *vqgan.Model, training *data.Dataset, how CaptionOptions, g *tensor.Generator, o Options) (latentCoder, error) {
	if how.Data.Augment.Varies() && how.Views == 0 {
		encode := latentsOf(on.device, kl)
		return func(batch train.PictureBatch) []float32 { return encode(batch.Pixels) }, nil
	}
	all, _, err := embedViews(ctx, on, kl.Encode, training, how.Data.Augment, how.Views, o)
	if err != nil {
		return nil, err
	}
	n := kl.Config().Grid() * kl.Config().Grid() * kl.Config().Embed
	views := len(all) / (n * training.Len())
	look := lookUp(all, n)
	return func(batch train.PictureBatch) []float32 {
		if views > 1 {
			rows := make([]int, len(batch.Indices)) // all pictures in a view, then all in the next one
			engine.Rows(g, len(rows), func(i int) {
				if view := g.Intn(views); i >= 0 {
					rows[i] = view*training.Len() + batch.Indices[i]
				}
			})
			batch.Indices = rows
		}
		return look(batch)
	}, nil
}

// latentsOf returns a function that encodes pictures, values [N, S, S, C], as latents [N·G·G·C].
func latentsOf(d *tensor.Device, kl *vqgan.Model) func(values []float32) []float32 {
	c := kl.Config()
	return func(values []float32) []float32 {
		s := d.Scratch()
		defer s.End()
		n := len(values) / (c.ImageSize * c.ImageSize * c.Channels)
		return kl.Encode(d.From(values, n, c.ImageSize, c.ImageSize, c.Channels)).Values()
	}
}

// encodeBatch is the number of pictures that are encoded at a time: 64 of 64×64 pixels, fewer of larger ones.
func encodeBatch(size int) int { return max(1, 64*64*64/max(1, size*size)) }

// encodeAll encodes all pictures, until the context ends. progress may be nil.
func encodeAll[T any](ctx context.Context, on *hold, d *data.Dataset, encode func(values []float32) []T, progress func(done, total int)) (all []T, err error) {
	batch := encodeBatch(d.Size)
	for lo := 0; lo < d.Len(); lo += batch {
		if err := on.yield(ctx); err != nil {
			return nil, err
		}
		hi := min(lo+batch, d.Len())
		all = append(all, encode(pixels(d, lo, hi))...)
		if progress != nil {
			progress(hi, d.Len())
		}
	}
	return all, nil
}

// lookUp returns the function that copies what all holds of the pictures of a batch, n elements of each. The result is
// overwritten by the next one.
func lookUp[T any](all []T, n int) func(batch train.PictureBatch) []T {
	var some []T
	return func(batch train.PictureBatch) []T {
		some = some[:0]
		for _, i := range batch.Indices {
			some = append(some, all[i*n:(i+1)*n]...)
		}
		return some
	}
}

// firstCaptions returns the ids [N, length] of the first caption of each picture; long ones are cut.
func firstCaptions(t *tokenizer.Tokenizer, d *data.Dataset, length int) (ids []int32, err error) {
	for i := range d.Len() {
		own, err := t.EncodeFixed(d.Captions[i][0], length, true)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.Name(i), err)
		}
		ids = append(ids, own...)
	}
	return ids, nil
}
