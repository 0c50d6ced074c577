package tasks

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/ssd"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/google/go-cmp/cmp"
)

// counted counts the exchanges of a group.
type counted struct {
	comm.Group
	exchanges int
}

func (c *counted) Gather(ctx context.Context, own []byte) ([][]byte, error) {
	c.exchanges++
	return c.Group.Gather(ctx, own)
}

// looks are what a task computes aside from its training: the figures of an evaluation, and a hash of the picture of its samples.
type looks struct {
	Metrics train.Metrics
	Samples [sha256.Size]byte
}

// look evaluates a task and draws its samples.
func look[B train.Batch](d *tensor.Device, dir string, model nn.Module, task *train.Task[B], err error) (l looks, _ error) {
	if err != nil {
		return l, err
	}
	return l, d.Exclusive(context.Background(), func() (err error) {
		model.SetTraining(false)
		if l.Metrics, err = task.Evaluate(); err != nil || task.Samples == nil {
			return err
		}
		path := filepath.Join(dir, "samples.png")
		if err := task.Samples(path); err != nil {
			return err
		}
		picture, err := os.ReadFile(path)
		l.Samples = sha256.Sum256(picture)
		return err
	})
}

// TestRanksEvaluate evaluates on one rank and on two, and draws samples: figures and pictures are the same, and the ranks exchange parts.
func TestRanksEvaluate(t *testing.T) {
	training, heldOut := animals(t, 16), animals(t, 70)
	description := data.Description{Path: "drawn", Classes: training.Classes}
	captioned, unseen := birds(t, 1, 16), birds(t, 2, 20)
	words := tokens(t, captioned)
	boxed, boxedUnseen := scenes(t, 30)
	rows := normals(t, 3000)
	table := described(t, rows, []string{"x", "y"}, []string{"class"})
	spec := smallSpec(t, "realnvp", &table.Encoding)
	ctx, o := context.Background(), Options{Batch: 4, Seed: 4}
	for name, f := range map[string]func(d *tensor.Device, dir string) (looks, error){
		"autoencoder": func(d *tensor.Device, dir string) (looks, error) {
			m, task, err := Autoencoder(d, sizes, description, training, heldOut, o)
			return look(d, dir, m, task, err)
		},
		"flow": func(d *tensor.Device, dir string) (looks, error) {
			m, task, err := Flow(ctx, d, shape(), encoderOn(d), description, training, heldOut, o)
			return look(d, dir, m, task, err)
		},
		"tarflow": func(d *tensor.Device, dir string) (looks, error) {
			m, task, err := tarFlowOf(t, d, description, training, heldOut, o)
			return look(d, dir, m, task, err)
		},
		"classifier": func(d *tensor.Device, dir string) (looks, error) {
			m, task, err := Classifier(d, smallClassifier(training.Classes...), description, training, heldOut, o)
			return look(d, dir, m, task, err)
		},
		"clip": func(d *tensor.Device, dir string) (looks, error) {
			m, task, err := CLIP(d, clipSizes(words), words, CaptionOptions{Truncate: true}, captioned, unseen, o)
			return look(d, dir, m, task, err)
		},
		"dvae": func(d *tensor.Device, dir string) (looks, error) {
			m, task, err := DVAE(d, codeSizes, DefaultDVAEOptions(4), data.Description{}, captioned, unseen, o)
			return look(d, dir, m, task, err)
		},
		"maskgit": func(d *tensor.Device, dir string) (looks, error) {
			m, task, err := MaskGIT(ctx, d, maskedSizes(words), coderOf(t, d), words, CaptionOptions{Truncate: true}, captioned, unseen, o)
			return look(d, dir, m, task, err)
		},
		"ssd": func(d *tensor.Device, dir string) (looks, error) {
			defaults := DefaultSSD(ssd.Small, 32)
			defaults.Model.Classes = len(boxed.Classes)
			m, task, err := SSD(d, defaults.Model, defaults.Data, boxed, boxedUnseen, o)
			return look(d, dir, m, task, err)
		},
		"density": func(d *tensor.Device, dir string) (looks, error) {
			m, task, err := Density(ctx, d, spec, DensityOptions{}, table, rows.Some(100, 1), rows, o)
			return look(d, dir, m, task, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			alone, err := f(open(t), t.TempDir())
			if err != nil || len(alone.Metrics) == 0 {
				t.Fatal(alone.Metrics, err)
			}
			var wait sync.WaitGroup
			for i, g := range comm.Local(2) {
				d, dir, group := open(t), t.TempDir(), &counted{Group: g}
				engine.SetEvaluators(d, group)
				wait.Go(func() {
					got, err := f(d, dir)
					if diff := cmp.Diff(alone, got); err != nil || diff != "" {
						t.Errorf("rank %d: %v (- one process, + rank):\n%s", i, err, diff)
					}
					if group.exchanges == 0 {
						t.Errorf("rank %d exchanges nothing", i)
					}
				})
			}
			wait.Wait()
		})
	}
}
