package interchange

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
)

// damaged returns err as a [*fault.DamagedFile], unless it is about the device or already names a file.
func damaged(path string, err error) error {
	var (
		memory *fault.OutOfMemory
		device *fault.DeviceError
		file   *fault.DamagedFile
	)
	if errors.As(err, &memory) || errors.As(err, &device) || errors.As(err, &file) {
		return err
	}
	return fault.Damaged(path, "%v", err)
}

// expect returns an error unless there is a tensor of that name and shape.
func (s *source) expect(name string, want ...int) error {
	return s.expectOf(name, "its hparams", want...)
}

// expectOf is expect, where something else than hparams says what the shape must be.
func (s *source) expectOf(name, by string, want ...int) error {
	got, ok := s.shape(name)
	if !ok {
		return fmt.Errorf("has no %q among its weights; name a checkpoint that is whole", name)
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("has %q with shape %v where %s make it %v; name a checkpoint that is whole", name, got, by, want)
	}
	return nil
}

// expectLayers returns an error unless there is a transformer with that number of layers of that width.
func (s *source) expectLayers(prefix string, depth, dim, inner int) error {
	layers := 0
	for _, name := range s.names() {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		var err error
		switch {
		case strings.HasSuffix(name, ".to_qkv.weight"):
			layers++
			err = s.expect(name, 3*inner, dim)
		case strings.HasSuffix(name, ".net.0.weight"):
			err = s.expect(name, 2*torchFFMult*dim, dim)
		}
		if err != nil {
			return err
		}
	}
	if layers != depth {
		return fmt.Errorf("has %d layers of attention below %q where its hparams make it %d; name a checkpoint that is whole", layers, prefix, depth)
	}
	return nil
}

// count returns the number of tensors whose names have the suffix.
func (s *source) count(suffix string) (n int) {
	for _, name := range s.names() {
		if strings.HasSuffix(name, suffix) {
			n++
		}
	}
	return n
}
