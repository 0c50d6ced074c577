package tasks

import (
	"context"
	"slices"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/tokenizer"
	"github.com/bestiary-ml/bestiary/train"
)

// CaptionOptions say which pictures with captions a model is trained on. They may be others than those of the run's
// codec, so the run folder keeps these options with the model.
type CaptionOptions struct {
	Data     data.Description `json:"data"`
	Truncate bool             `json:"truncate_captions"` // cut captions that are too long instead of refusing them
	Codec    string           `json:"dvae,omitempty"`    // checksum of the codec that encodes the pictures, to notice another one
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
	return train.NewCaptioned(training, t, length, data.LoaderOptions{
		Shuffle: true, Batch: o.Batch, Seed: o.Seed, Augment: how.Data.Augment, Balance: how.Data.Balance,
	})
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
	batch := max(1, 64*64*64/(size*size)) // pictures at a time: 64 of 64×64 pixels, fewer of larger ones
	some := func(values []float32) []int32 {
		s := d.Scratch()
		defer s.End()
		return codec.Codes(d.From(values, len(values)/one, size, size, channels)).IntValues()
	}
	encode := func(values []float32) (codes []int32) {
		for part := range slices.Chunk(values, batch*one) {
			codes = append(codes, some(part)...)
		}
		return codes
	}
	if how != (data.Augment{}) {
		return func(batch train.PictureBatch) []int32 { return encode(batch.Pixels) }, nil
	}
	cells := codec.Grid() * codec.Grid()
	all := make([]int32, 0, training.Len()*cells)
	for lo := 0; lo < training.Len(); lo += batch {
		if err := on.yield(ctx); err != nil {
			return nil, err
		}
		hi := min(lo+batch, training.Len())
		all = append(all, encode(pixels(training, lo, hi))...)
		if o.Progress != nil {
			o.Progress(hi, training.Len())
		}
	}
	codes := make([]int32, 0, o.Batch*cells)
	return func(batch train.PictureBatch) []int32 {
		codes = codes[:0]
		for _, i := range batch.Indices {
			codes = append(codes, all[i*cells:(i+1)*cells]...)
		}
		return codes
	}, nil
}
