package sample

import (
	"context"
	"errors"
	"fmt"
	"image"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestFailuresLeaveNothing makes the device fail at every kernel call of every method, 2,000 times in all. It expects
// errors, no growth of memory, and correct results afterwards.
func TestFailuresLeaveNothing(t *testing.T) {
	broken := &failing{Device: engine.Kernels(openDevice(t)), left: -1}
	d := engine.NewDevice(broken)
	p, b := flowOn(t, d), textToImageOn(t, d, 3)
	all := calls(p, b)
	want := drawPictures(t, p, Options{N: 3})
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	names := []string{}
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	var early uint64
	failures := 0
	for at := 0; failures < 2000; at++ {
		for _, name := range names {
			broken.left = at % 40
			err := all[name](t.Context())
			broken.left = -1
			var failure *fault.DeviceError
			if err != nil && !errors.As(err, &failure) {
				t.Fatalf("%s, failing after %d calls: %v", name, at%40, err)
			}
			if err != nil {
				failures++
			}
			if failures == 400 && early == 0 {
				early = heap()
			}
		}
	}
	if late := heap(); late > early+1<<20 {
		t.Errorf("%d bytes are in use after %d failures, %d after 400", late, failures, early)
	}
	if got := drawPictures(t, p, Options{N: 3}); !slices.Equal(got[2].Image.Pix, want[2].Image.Pix) {
		t.Error("after the failures, other pictures are drawn")
	}
}

// TestWaitingEndsWithContext expects a caller that waits behind a long call to return soon after its context ends.
func TestWaitingEndsWithContext(t *testing.T) {
	d := openDevice(t)
	p, b := flowOn(t, d), textToImageOn(t, d, 3)
	busy, release := make(chan struct{}), make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		err := p.Use(context.Background(), func(*tensor.Device, FlowModels) error { close(busy); <-release; return nil })
		if err != nil {
			t.Error(err)
		}
	})
	<-busy
	for name, call := range calls(p, b) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		start := time.Now()
		err := call(ctx)
		cancel()
		if waited := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || waited > time.Second {
			t.Errorf("%s waited for %v: %v", name, waited, err)
		}
	}
	close(release)
	running.Wait()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range calls(p, b) {
		if err := call(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("%s with an ended context: %v", name, err)
		}
	}
}

// TestPipelinesShareDevice uses two pipelines on one device from several goroutines, for the race detector too.
func TestPipelinesShareDevice(t *testing.T) {
	d := openDevice(t)
	p, b := flowOn(t, d), textToImageOn(t, d, 3)
	wantPets := drawPictures(t, p, Options{N: 3, Seed: 1})
	wantBirds := generate(t, b, GenerateOptions{Prompts: prompts, Seed: 1})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			got, err := p.Sample(t.Context(), Options{N: 3, Seed: 1})
			if err != nil || !slices.Equal(got[0].Image.Pix, wantPets[0].Image.Pix) {
				t.Errorf("the flow draws other pictures beside another pipeline (%v)", err)
			}
		})
		all.Go(func() {
			got, err := b.Generate(t.Context(), GenerateOptions{Prompts: prompts, Seed: 1})
			if err != nil || !sameCodes(got, wantBirds) {
				t.Errorf("the DALL-E draws other pictures beside another pipeline (%v)", err)
			}
		})
	}
	all.Wait()
}

// TestWrongArguments expects field errors for arguments that no pipeline allows.
func TestWrongArguments(t *testing.T) {
	d := openDevice(t)
	p, b := flowOn(t, d), textToImageOn(t, d, 3)
	a, flow := toy.Flow(d)
	less := toy.PetData()
	less.Classes = less.Classes[:1]
	ctx := t.Context()
	for i, f := range []func() error{
		func() error { _, err := NewFlow(nil, toy.PetData(), FlowModels{Autoencoder: a}); return err },
		func() error { _, err := NewFlow(d, toy.PetData(), FlowModels{}); return err },
		func() error { _, err := NewFlow(d, less, FlowModels{Autoencoder: a, Flow: flow}); return err },
		func() error { _, err := OpenFlow(ctx, t.TempDir(), nil); return err },
		func() error { _, err := NewTextToImage(nil, toy.BirdData(), TextToImageModels{}); return err },
		func() error {
			_, err := NewTextToImage(d, toy.BirdData(), TextToImageModels{DALLE: b.models.DALLE, Tokenizer: toy.Tokenizer(300)})
			return err
		},
		func() error { _, err := OpenTextToImage(ctx, t.TempDir(), nil); return err },
		func() error { _, err := p.Interpolate(ctx, Ends{}, 1<<40); return err },
		func() error { _, err := p.Interpolate(ctx, Ends{}, 3); return err },
		func() error { _, err := p.Decode(ctx, make([]float32, 7)); return err },
		func() error { _, err := p.LogProb(ctx, make([]float32, 7)); return err },
		func() error { _, err := b.Decode(ctx, make([]int32, 7)); return err },
		func() error { _, err := b.Decode(ctx, slices.Repeat([]int32{12}, birdGrid*birdGrid)); return err },
		func() error { _, err := b.EmbedImages(ctx, make([]uint8, 7)); return err },
		func() error { _, err := b.EmbedTexts(ctx, []string{string(make([]byte, 1<<20))}); return err },
		func() error { _, err := b.CompleteText(ctx, "a", CompleteOptions{N: 1 << 40}); return err },
		func() error { _, err := b.CompleteText(ctx, "", CompleteOptions{}); return err },
	} {
		var wrong *fault.FieldError
		if err := f(); !errors.As(err, &wrong) {
			t.Errorf("case %d: %v", i, err)
		}
	}
	empty, err := NewTextToImage(d, toy.BirdData(), TextToImageModels{})
	if err != nil {
		t.Fatal(err)
	}
	for name, call := range calls(p, empty) {
		var missing *fault.Missing
		if err := call(ctx); err != nil && !errors.As(err, &missing) {
			t.Errorf("%s without models: %v", name, err)
		}
	}
}

// TestRowsAfterCallback expects Rows.Images to return an error when the callback has returned.
func TestRowsAfterCallback(t *testing.T) {
	b := smallTextToImage(t, 3)
	var kept Rows
	generate(t, b, GenerateOptions{Prompts: prompts, Rows: func(r Rows) { kept = r }})
	if images, err := kept.Images(t.Context()); err == nil {
		t.Errorf("%d images after the callback", len(images))
	}
	if images, err := (Rows{Pictures: []Generated{{Image: &image.NRGBA{}}}}).Images(t.Context()); err == nil {
		t.Errorf("%d images of no call", len(images))
	}
}

// TestManyCandidates expects that only the pictures that are kept take memory.
func TestManyCandidates(t *testing.T) {
	p := smallFlow(t)
	best := drawPictures(t, p, Options{N: 2, Candidates: 700})
	all := drawPictures(t, p, Options{N: 700})
	if len(best) != 2 || fmt.Sprint(best[0].Embedding, best[1].Embedding) != fmt.Sprint(all[0].Embedding, all[1].Embedding) {
		t.Error("the densest of 700 candidates are not the densest of 700 pictures")
	}
}

// TestPipelinesWithinACallback calls pipelines from the callback of Generate and from Use, on the same device.
func TestPipelinesWithinACallback(t *testing.T) {
	d := openDevice(t)
	p, b := flowOn(t, d), textToImageOn(t, d, 3)
	wantPets := drawPictures(t, p, Options{N: 3, Seed: 1})
	wantBirds := generate(t, b, GenerateOptions{Prompts: prompts, Seed: 1})
	within := func() {
		got, err := p.Sample(t.Context(), Options{N: 3, Seed: 1})
		if err != nil || !slices.Equal(got[0].Image.Pix, wantPets[0].Image.Pix) {
			t.Errorf("the flow draws other pictures within a callback (%v)", err)
		}
		made, err := b.Generate(t.Context(), GenerateOptions{Prompts: prompts, Seed: 1})
		if err != nil || !sameCodes(made, wantBirds) {
			t.Errorf("the DALL-E draws other pictures within a callback (%v)", err)
		}
	}
	calls := 0
	got := generate(t, b, GenerateOptions{Prompts: prompts, Seed: 1, Rows: func(Rows) {
		calls++
		within()
	}})
	if calls == 0 || !sameCodes(got, wantBirds) {
		t.Errorf("after %d callbacks that generate, other pictures", calls)
	}
	if err := p.Use(t.Context(), func(*tensor.Device, FlowModels) error { within(); return nil }); err != nil {
		t.Error(err)
	}
}
