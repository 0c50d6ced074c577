package train

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/zerotest"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/tokenizer"
)

// TestZeroValues calls everything that returns an error with nil, zero values and data that contradicts itself.
func TestZeroValues(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	zerotest.Refuses(t, "Run", Run[RowBatch], nil)
	zerotest.Refuses(t, "Run in a folder", Run[RowBatch], map[int]any{1: dir, 3: toyConfig(3)})
	zerotest.Refuses(t, "Run without settings", Run[RowBatch], map[int]any{1: dir, 2: newToy(openPortable(), 1, 8, 16).task()})
	zerotest.Refuses(t, "Run without a folder", Run[RowBatch], map[int]any{2: newToy(openPortable(), 1, 8, 16).task(), 3: toyConfig(3)})
	for name, module := range map[string]nn.Module{"nil": nil, "typed nil": (*nn.Linear)(nil), "empty": nn.NewSequential()} {
		task := newToy(openPortable(), 1, 8, 16).task()
		task.Module = module
		_, err := Run(context.Background(), dir, task, toyConfig(3), Options{})
		var wrong *fault.FieldError
		if !errors.As(err, &wrong) {
			t.Errorf("module %s: %v", name, err)
		}
	}
	var none *Rows
	task := newToy(openPortable(), 1, 8, 16).task()
	task.Source = none
	if _, err := Run(context.Background(), dir, task, toyConfig(3), Options{}); err == nil {
		t.Error("a nil source trains")
	}
	task.Source = &Rows{}
	if _, err := Run(context.Background(), dir, task, toyConfig(3), Options{}); err == nil {
		t.Error("a source that is a zero value trains")
	}
	pictures := Task[PictureBatch]{Model: "toy", Module: task.Module, Source: &Pictures{}, Loss: func(PictureBatch) (*tensor.Tensor, *Figures) { return nil, nil }}
	if _, err := Run(context.Background(), dir, pictures, toyConfig(3), Options{}); err == nil {
		t.Error("pictures that are a zero value train")
	}
	task = newToy(openPortable(), 1, 8, 16).task()
	task.Loss = func(RowBatch) (*tensor.Tensor, *Figures) { return nil, nil }
	if _, err := Run(context.Background(), dir+"2", task, toyConfig(3), Options{}); err == nil {
		t.Error("a loss that is nil trains")
	}
	for name, f := range map[string]any{
		"NewRows": NewRows, "NewPictures": NewPictures, "NewCaptioned": NewCaptioned, "CheckCaptions": CheckCaptions,
		"Saved": Saved, "Verify": Verify, "Accept": Accept,
	} {
		zerotest.Refuses(t, name, f, nil)
	}
	short := &data.Dataset{Size: 4, Labels: []int{0, 0}, Names: []string{"a", "b"}, Classes: []string{"x"}, Pixels: make([]uint8, 4*4*3)}
	o := data.LoaderOptions{Batch: 1}
	zerotest.Refuses(t, "NewPictures of too few pixels", NewPictures, map[int]any{0: short, 1: o})
	zerotest.Refuses(t, "NewCaptioned of too few pixels", NewCaptioned, map[int]any{0: short, 1: &tokenizer.Tokenizer{}, 2: 4, 3: o})
	zerotest.Refuses(t, "NewPictures of no pictures", NewPictures, map[int]any{0: &data.Dataset{}, 1: o})
	whole := &data.Dataset{Size: 4, Labels: []int{0}, Names: []string{"a"}, Classes: []string{"x"}, Pixels: make([]uint8, 4*4*3)}
	zerotest.Refuses(t, "NewCaptioned without captions", NewCaptioned, map[int]any{0: whole, 1: &tokenizer.Tokenizer{}, 2: 4, 3: o})
	zerotest.Refuses(t, "NewCaptioned without a tokenizer", NewCaptioned, map[int]any{0: whole, 2: 4, 3: o})
	zerotest.Refuses(t, "CheckCaptions without a tokenizer", CheckCaptions, map[int]any{0: whole, 2: 4})
	zerotest.Refuses(t, "NewRows of 0 columns", NewRows, map[int]any{0: []float32{1}, 3: 1})
	if err := CheckFinite(nil, 0, nil); err != nil {
		t.Error(err)
	}
	for _, v := range []any{
		&AdamOptions{}, &Best{}, &CaptionCount{}, &CaptionedBatch{}, &Config{}, &Diverged{}, &Figures{}, &HighLoss{}, &Interrupted{},
		&Options{}, &PictureBatch{}, &Plateau{}, &Result{}, &RowBatch{}, &Task[RowBatch]{}, &Verification{}, &Rows{}, &Pictures{}, &Captioned{},
	} {
		zerotest.Methods(t, v)
	}
}
