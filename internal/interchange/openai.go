package interchange

import (
	"fmt"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/torchfile"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/openaivae"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Names of OpenAI's discrete VAE. Its encoder and its decoder are published in two files, encoder.pkl and decoder.pkl, of
// modules that were saved whole. DALLE-pytorch's OpenAIDiscreteVAE has them as enc and dec.
const (
	openAIClass   = "OpenAIDiscreteVAE"
	openAIEncoder = "enc."
	openAIDecoder = "dec."
	openAIInput   = "blocks.input.w"
	// openAISize is the side of the pictures in DALLE-pytorch. The weights serve any size.
	openAISize = 256
)

// openAIHalf returns the name of the half of OpenAI's VAE that a file holds: openAIEncoder, openAIDecoder or "".
func (s *source) openAIHalf() string {
	if shape, ok := s.shape(openAIInput); ok && len(shape) == 4 {
		switch shape[2] {
		case 7:
			return openAIEncoder
		case 1:
			return openAIDecoder
		}
	}
	return ""
}

// Join returns the checkpoints with the two files of OpenAI's VAE made one. It closes none.
func Join(all []*Checkpoint) ([]*Checkpoint, error) {
	var joined []*Checkpoint
	var first *Checkpoint // the half that waits for the other
	for _, c := range all {
		switch {
		case c.half == "":
			joined = append(joined, c)
		case first == nil:
			first = c
			joined = append(joined, c)
		case first.half == c.half:
			return nil, fmt.Errorf("%s and %s: both hold the same half of OpenAI's discrete VAE; name encoder.pkl and decoder.pkl", first.Path, c.Path)
		default:
			if err := first.join(c); err != nil {
				return nil, damaged(c.Path, err)
			}
			first = nil
		}
	}
	if first != nil {
		here, other := "encoder", "decoder"
		if first.half == openAIDecoder {
			here, other = other, here
		}
		return nil, fmt.Errorf("%s: holds the %s of OpenAI's discrete VAE without its %s; name %s.pkl, too", first.Path, here, other, other)
	}
	return joined, nil
}

// join adds the tensors of the other half to c and describes the whole.
func (c *Checkpoint) join(other *Checkpoint) error {
	whole := newSource(c.Path)
	for _, half := range []*Checkpoint{c, other} {
		for _, name := range half.source.names() {
			whole.order = append(whole.order, half.half+name)
			whole.tensors[half.half+name] = half.source.tensors[name]
		}
	}
	first, second := c.source.close, other.source.close
	whole.close = func() error {
		err := second()
		if e := first(); e != nil {
			err = e
		}
		return err
	}
	other.source.close = func() error { return nil } // c does it
	c.source, c.half = whole, ""
	return c.describeOpenAI("")
}

// describeOpenAI reads the sizes of OpenAI's VAE from the shapes of its weights.
func (c *Checkpoint) describeOpenAI(prefix string) error {
	s := c.source
	size := func(name string, dimension int) int {
		shape, ok := s.shape(prefix + name)
		if !ok || len(shape) != 4 {
			return 0
		}
		return shape[dimension]
	}
	config := openaivae.Config{
		ImageSize: openAISize,
		Codes:     size("enc.blocks.output.conv.w", 0), Hidden: size("enc."+openAIInput, 0), Init: size("dec."+openAIInput, 0),
	}
	for {
		if _, ok := s.shape(fmt.Sprintf("%senc.blocks.group_1.block_%d.res_path.conv_1.w", prefix, config.Blocks+1)); !ok {
			break
		}
		config.Blocks++
	}
	if err := config.Validate(); err != nil {
		return fmt.Errorf("holds a discrete VAE of OpenAI of sizes that are not allowed (%v); name files of the package dall_e", err)
	}
	// The sizes for which memory is allocated must be those of tensors in the file.
	wide := 8 * config.Hidden
	for i := range config.Blocks {
		if err := s.expect(fmt.Sprintf("%senc.blocks.group_4.block_%d.res_path.conv_4.w", prefix, i+1), wide, wide/4, 1, 1); err != nil {
			return err
		}
	}
	for _, weight := range []struct {
		name  string
		shape []int
	}{
		{"enc.blocks.output.conv.w", []int{config.Codes, wide, 1, 1}},
		{"enc.blocks.group_4.block_1.id_path.w", []int{wide, wide / 2, 1, 1}},
		{"dec.blocks.input.w", []int{config.Init, config.Codes, 1, 1}},
		{"dec.blocks.output.conv.w", []int{6, config.Hidden, 1, 1}},
	} {
		if err := s.expect(prefix+weight.name, weight.shape...); err != nil {
			return err
		}
	}
	c.OpenAI, c.prefix = &config, prefix
	return nil
}

// openAI builds OpenAI's VAE from the weights below a prefix.
func (s *source) openAI(d *tensor.Device, config openaivae.Config, prefix string) (*openaivae.VAE, error) {
	m, err := openaivae.New(d, config, tensor.NewGenerator(0))
	if err != nil {
		return nil, damaged(s.path, err)
	}
	f, err := s.file(prefix)
	if err != nil {
		return nil, err
	}
	return m, weights.Load(m, f, "")
}

// OpenAIPaths returns the paths of the two files that are written for a path: x.encoder.pkl and x.decoder.pkl for x.pkl.
func OpenAIPaths(path string) (encoder, decoder string) {
	base := strings.TrimSuffix(path, ".pkl")
	return base + ".encoder.pkl", base + ".decoder.pkl"
}

// WriteOpenAI writes OpenAI's VAE as two modules that were saved whole, as dall_e.load_model reads them, to the paths that
// OpenAIPaths returns. PyTorch runs the code of dall_e to load them, so newer versions need weights_only=False.
func WriteOpenAI(path string, m Models) error {
	if m.OpenAI == nil {
		return fmt.Errorf("%s: cannot be written: only OpenAI's discrete VAE has files of this form; choose the ending .pt or .safetensors", path)
	}
	e, err := newExport(m)
	if err != nil {
		return fmt.Errorf("%s: cannot be written: %w", path, err)
	}
	encoder, decoder := OpenAIPaths(path)
	for half, path := range map[string]string{openAIEncoder: encoder, openAIDecoder: decoder} {
		w := openAIWriter{config: m.OpenAI.Config(), weights: map[string]stateTensor{}}
		for _, t := range e.weights {
			if name, ok := strings.CutPrefix(t.name, half); ok {
				w.weights[name] = t
			}
		}
		if err := torchfile.Write(path, w.module(half)); err != nil {
			return err
		}
	}
	return nil
}
