//go:build linux && (amd64 || arm64) && !nocuda

package nccl

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/bestiary-ml/bestiary/internal/comm"
)

// asRank is the variable by which TestProcesses starts the test as a rank: the folder of the ranks' files.
const asRank = "BESTIARY_TEST_RANK"

// TestProcesses starts three ranks as processes that find each other by an address.
func TestProcesses(t *testing.T) {
	path := build(t, current)
	var all sync.WaitGroup
	port := 20000 + os.Getpid()%10000
	for rank := range 3 {
		c := exec.CommandContext(within(t, time.Minute), os.Args[0])
		c.Env = append(os.Environ(), Variable+"="+path, asRank+"="+t.TempDir(), fmt.Sprintf("RANK=%d", rank), "WORLD_SIZE=3",
			"LOCAL_RANK=0", "MASTER_ADDR=127.0.0.1", fmt.Sprintf("MASTER_PORT=%d", port))
		all.Go(func() {
			if printed, err := c.CombinedOutput(); err != nil || string(printed) != "sum 36\n" {
				t.Errorf("rank %d: %v\n%s", rank, err, printed)
			}
		})
	}
	all.Wait()
}

// process is a rank of TestProcesses.
func process() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	p, _, err := comm.Launched(os.Getenv)
	if err != nil {
		return err
	}
	l, err := Open()
	if err != nil {
		return err
	}
	s, err := controls(os.Getenv(Variable), os.Getenv(asRank))
	if err != nil {
		return err
	}
	var id ID
	if p.Rank == 0 {
		if id, err = l.UniqueID(); err != nil {
			return err
		}
	}
	token, err := p.Share(ctx, "test", comm.Token(id))
	if err != nil {
		return err
	}
	c, err := l.Join(ctx, gpu{s, p.LocalRank}, ID(token), p.Rank, p.Size)
	if err != nil {
		return err
	}
	x, st := []float32{float32(11 + p.Rank)}, s.stream()
	if err := c.Start(ctx, st, AllReduce(uintptr(unsafe.Pointer(&x[0])), 1, Float32)); err != nil {
		return err
	}
	if err := c.Wait(ctx, st); err != nil {
		return err
	}
	fmt.Printf("sum %v\n", x[0])
	return c.Close(ctx)
}
