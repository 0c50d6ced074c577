package models

import (
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Codec is a model that turns square pictures into grids of codes, on which models such as DALL-E are trained, and codes
// into pictures. Kinds with Info.Codec have such models.
type Codec interface {
	nn.Module
	// Codes returns the codes of pictures [N, S, S, C] with values in [−1, 1]: ints [N, G·G], row by row of a grid of G×G.
	Codes(images *tensor.Tensor) *tensor.Tensor
	// DecodeCodes returns the pictures [N, S, S, C] of codes, ints [N, G·G]. Values are near [−1, 1] and may exceed it.
	DecodeCodes(codes *tensor.Tensor) *tensor.Tensor

	ImageSize() int    // S, in pixels
	Channels() int     // C
	Grid() int         // G
	CodebookSize() int // number of different codes
}

// Codecs returns the names of the kinds whose models are a [Codec].
func Codecs() (names []string) {
	for _, e := range table {
		if e.info.Codec {
			names = append(names, e.info.Name)
		}
	}
	return names
}

// CodecName returns the name of the kind of a codec; "" if it is not of a registered kind.
func CodecName(c Codec) string {
	for _, e := range table {
		if e.info.Codec && e.is(c) {
			return e.info.Name
		}
	}
	return ""
}

// CodecIn returns the name of the kind of the codec in a run folder. A run without one is a [*fault.Missing]; a run with
// several is an error, as it would be unclear which codes other models mean.
func CodecIn(dir string) (string, error) {
	r, err := run.Open(dir)
	if err != nil {
		return "", err
	}
	var found, there []string
	for _, e := range table {
		if r.HasWeights(e.info.Name) {
			there = append(there, e.info.Name)
			if e.info.Codec {
				found = append(found, e.info.Name)
			}
		}
	}
	switch len(found) {
	case 0:
		return "", &fault.Missing{Run: dir, Model: Codecs()[0], There: there}
	case 1:
		return found[0], nil
	}
	return "", fault.Damaged(dir, "has %s, and a run has codes of one model; keep them in separate run folders", strings.Join(found, " and "))
}

// OpenCodec opens the codec of a run folder, see [CodecIn] and [Kind.Open].
func OpenCodec(dir string, d *tensor.Device) (Codec, error) {
	c, err := LoadCodec(dir, d)
	if err == nil {
		nn.Freeze(c)
	}
	return c, err
}

// LoadCodec is OpenCodec without freezing the model, see [Kind.Load].
func LoadCodec(dir string, d *tensor.Device) (Codec, error) {
	name, err := CodecIn(dir)
	if err != nil {
		return nil, err
	}
	e, err := lookup(name)
	if err != nil {
		return nil, err
	}
	m, err := e.load(dir, d)
	if err != nil {
		return nil, err
	}
	return m.(Codec), nil // Register has checked it
}
