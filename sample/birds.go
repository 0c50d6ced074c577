package sample

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"sync"

	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/tokenizer"
)

// BirdModels are the models of a pipeline from words to pictures. Any may be nil; what needs it then says so.
type BirdModels struct {
	VAE       *dvae.VAE
	DALLE     *dalle.DALLE         // draws codes of VAE
	Tokenizer *tokenizer.Tokenizer // of DALLE and CLIP
	CLIP      *clip.CLIP           // judges pictures of VAE's size
}

// Birds is a trained pipeline of discrete VAE and DALL-E, ready to draw what a prompt says. Its methods may be called from several
// goroutines; they take turns.
type Birds struct {
	mu        sync.Mutex
	device    *tensor.Device
	data      data.Description
	vae       *dvae.VAE
	dalle     *dalle.DALLE
	tokenizer *tokenizer.Tokenizer
	clip      *clip.CLIP
	recoded   bool // vae has changed since the DALL-E learned its codes
}

// NewBirds makes a pipeline of models that are in memory and fit each other.
func NewBirds(d *tensor.Device, description data.Description, m BirdModels) *Birds {
	return &Birds{device: d, data: description, vae: m.VAE, dalle: m.DALLE, tokenizer: m.Tokenizer, clip: m.CLIP}
}

// Size is the side of the pictures.
func (b *Birds) Size() int {
	switch {
	case b.vae != nil:
		return b.vae.Config().ImageSize
	case b.clip != nil:
		return b.clip.Config().ImageSize
	}
	return b.data.Size
}

// Channels is 3 for RGB pictures and 4 for pictures with transparency.
func (b *Birds) Channels() int {
	switch {
	case b.vae != nil:
		return b.vae.Config().Channels
	case b.clip != nil:
		return b.clip.Config().Channels
	}
	return max(b.data.Channels, 3)
}

// Grid is the number of rows, and of columns, of a picture's codes; 0 without a discrete VAE.
func (b *Birds) Grid() int {
	if b.vae == nil {
		return 0
	}
	return b.vae.Config().Grid()
}

// Models lists the names of the models that are there, as commands call them.
func (b *Birds) Models() (names []string) {
	for _, m := range []struct {
		name  string
		there bool
	}{{"dvae", b.vae != nil}, {"dalle", b.dalle != nil}, {"clip", b.clip != nil}} {
		if m.there {
			names = append(names, m.name)
		}
	}
	return names
}

// Guidable tells whether captions were left out in the training of the DALL-E, without which guidance hardly helps.
func (b *Birds) Guidable() bool { return b.dalle != nil && b.dalle.Config().NullProb > 0 }

// Dataset describes what the models were trained on; it is empty for models that were imported.
func (b *Birds) Dataset() data.Description { return b.data }

// Pictures makes pictures of pixels [N, S, S, C].
func (b *Birds) Pictures(pixels []uint8) []*image.NRGBA { return split(pixels, b.Size(), b.Channels()) }

// Reconstruct decodes the most probable codes of pictures, pixels [N, S, S, C].
func (b *Birds) Reconstruct(pixels []uint8) ([]*image.NRGBA, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.needVAE(); err != nil {
		return nil, err
	}
	codes, err := b.codes(context.Background(), pixels)
	if err != nil {
		return nil, err
	}
	return b.decode(codes)
}

// Codes returns the most probable codes [N, G·G] of pictures, pixels [N, S, S, C].
func (b *Birds) Codes(pixels []uint8) ([]int32, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.needVAE(); err != nil {
		return nil, err
	}
	return b.codes(context.Background(), pixels)
}

// Decode draws codes [N, G·G].
func (b *Birds) Decode(codes []int32) ([]*image.NRGBA, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.needVAE(); err != nil {
		return nil, err
	}
	c := b.vae.Config()
	if len(codes)%(c.Grid()*c.Grid()) != 0 {
		return nil, fmt.Errorf("%d codes are no whole number of pictures; give %d×%d a picture", len(codes), c.Grid(), c.Grid())
	}
	for _, code := range codes {
		if code < 0 || int(code) >= c.Codes {
			return nil, fmt.Errorf("code %d does not exist; use 0 to %d", code, c.Codes-1)
		}
	}
	return b.decode(codes)
}

func (b *Birds) codes(ctx context.Context, pixels []uint8) (all []int32, err error) {
	err = b.passes(ctx, pixels, func(x *tensor.Tensor) { all = append(all, b.vae.Codes(x).IntValues()...) })
	return all, err
}

// passes hands pictures to f, as many at a time as are fast and fit in memory, until the context ends. What f makes is gone when it
// returns.
func (b *Birds) passes(ctx context.Context, pixels []uint8, f func(x *tensor.Tensor)) error {
	size, channels := b.Size(), b.Channels()
	if err := whole(pixels, size, channels); err != nil {
		return err
	}
	one, most := size*size*channels, passOf(size)
	for lo := 0; lo < len(pixels); lo += most * one {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := pixels[lo:min(lo+most*one, len(pixels))]
		values := make([]float32, len(part))
		data.Scale(values, part)
		step := b.device.Scratch()
		f(b.device.From(values, len(part)/one, size, size, channels))
		step.End()
	}
	return nil
}

// passOf is how many pictures of a size go through a model at a time: always about as many pixels.
func passOf(size int) int { return max(1, batch*64*64/(size*size)) }

func (b *Birds) decode(codes []int32) ([]*image.NRGBA, error) {
	size, cells := b.Size(), b.cells()
	var all []*image.NRGBA
	for lo, most := 0, passOf(size)*cells; lo < len(codes); lo += most {
		part := codes[lo:min(lo+most, len(codes))]
		n := len(part) / cells
		step := b.device.Scratch()
		values := b.vae.Decode(b.device.Ints(part, n, cells)).Values()
		step.End()
		images, err := Pixels(values, n, size, size)
		if err != nil {
			return nil, err
		}
		all = append(all, images...)
	}
	return all, nil
}

// cells is the number of codes of a picture.
func (b *Birds) cells() int { return b.Grid() * b.Grid() }

// pixels returns those of a picture of the right size, [S, S, C]. Where the models know no transparency, it is laid on white.
func (b *Birds) pixels(img *image.NRGBA) []uint8 {
	flat := image.NewNRGBA(image.Rect(0, 0, img.Bounds().Dx(), img.Bounds().Dy()))
	if b.Channels() == 4 {
		draw.Draw(flat, flat.Bounds(), img, img.Bounds().Min, draw.Src)
		return flat.Pix
	}
	draw.Draw(flat, flat.Bounds(), image.White, image.Point{}, draw.Src)
	draw.Draw(flat, flat.Bounds(), img, img.Bounds().Min, draw.Over)
	return ToRGB(flat)
}

var errNoTokenizer = errors.New("this run has no tokenizer, without which words can't be read; give the one that its models were trained with: bestiary import --tokenizer FILE --out RUN")

func (b *Birds) needVAE() error {
	if b.vae == nil {
		return errors.New("this run has no dvae yet; make one with \"bestiary train dvae --out RUN\"")
	}
	return nil
}

func (b *Birds) needDALLE() error {
	if b.dalle == nil {
		return errors.New("this run has no dalle yet; make one with \"bestiary train dalle --run RUN\"")
	}
	if b.tokenizer == nil {
		return errNoTokenizer
	}
	if b.recoded {
		return errors.New("the run's dvae has changed since its dalle learned the codes; put back dvae.safetensors as it was, or train the dalle again")
	}
	return b.needVAE()
}
