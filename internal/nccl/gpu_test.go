//go:build linux && (amd64 || arm64) && !nocuda

package nccl_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/internal/cuda"
	"github.com/bestiary-ml/bestiary/internal/nccl"
)

var (
	_ nccl.Device = (*cuda.Device)(nil)
	_ nccl.Stream = (*cuda.Stream)(nil)
)

// TestGPUs runs all operations between the GPUs of this machine with the NCCL that is installed, if BESTIARY_TEST_DEVICE is cuda.
func TestGPUs(t *testing.T) {
	if os.Getenv("BESTIARY_TEST_DEVICE") != "cuda" {
		t.Skip("BESTIARY_TEST_DEVICE is not cuda")
	}
	l, err := nccl.Open()
	if err != nil {
		t.Fatal(err)
	}
	first, err := cuda.Open(0)
	if err != nil {
		t.Fatal(err)
	}
	id, err := l.UniqueID()
	if err != nil {
		t.Fatal(err)
	}
	size := first.Info().Devices
	number, path := l.Version()
	t.Logf("NCCL %s (%s), %d GPUs", number, path, size)
	var all sync.WaitGroup
	for rank := range size {
		all.Go(func() {
			if err := onGPU(t, l, id, rank, size); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// onGPU is a rank of TestGPUs. Kernels write what is sent, and read what arrives.
func onGPU(t *testing.T, l *nccl.Library, id nccl.ID, rank, size int) error {
	d, err := cuda.Open(rank)
	if err != nil {
		return err
	}
	s, err := d.NewStream()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := l.Join(ctx, d, id, rank, size)
	if err != nil {
		return err
	}
	const n = 100_003
	x, parts, own, sent := d.Alloc(n), d.Alloc(n*size), d.Alloc(n), d.Alloc(n)
	at := func(address uint64) uintptr { return uintptr(address) }
	for _, b := range []struct {
		fill  func()
		start nccl.Operation
	}{
		{func() { d.Fill(x, float64(rank+1)) }, nccl.AllReduce(at(x.Addr), n, nccl.Float32)},
		{func() { d.Fill(parts, float64(rank+1)) }, nccl.ReduceScatter(at(own.Addr), at(parts.Addr), n, nccl.Float32)},
		{func() {}, nccl.AllGather(at(parts.Addr), at(own.Addr), n, nccl.Float32)},
		{func() { d.Fill(sent, float64(rank+1)) }, nccl.Broadcast(at(sent.Addr), n, nccl.Float32, size-1)},
	} {
		b.fill()
		s.Follow()
		if err := c.Start(ctx, s, b.start); err != nil {
			return err
		}
		s.Lead()
	}
	if err := c.Wait(ctx, s); err != nil {
		return err
	}
	total := float32(size*(size+1)) / 2
	values := make([]float32, n*size)
	d.Download(values, parts)
	for i, v := range values {
		if v != total {
			return fmt.Errorf("rank %d: element %d of AllGather after ReduceScatter is %v, want %v", rank, i, v, total)
		}
	}
	d.Download(values[:n], x)
	d.Download(values[n-1:n], sent.Slice(n-1, 1))
	if values[0] != total || values[n-2] != total || values[n-1] != float32(size) {
		return fmt.Errorf("rank %d: AllReduce %v and %v, want %v; Broadcast %v, want %d", rank, values[0], values[n-2], total, values[n-1], size)
	}
	s.Close()
	return c.Close(ctx)
}
