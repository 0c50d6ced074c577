//go:build linux && (amd64 || arm64) && !nocuda

package nccl

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"
	"unsafe"
)

// TestMissingRank has a rank that never comes: with calls that return at once, with NCCL_COMM_BLOCKING=1, and before NCCL 2.14.
func TestMissingRank(t *testing.T) {
	for _, test := range []struct {
		version        string
		blocks, aborts int
		want           string
	}{{current, 0, 1, "can't join the other ranks"}, {current, 1, 0, "inside of NCCL"}, {old, 0, 0, "inside of NCCL"}} {
		l, s := open(t, test.version)
		s.Set("standin_block", test.blocks)
		before := s.Set("standin_aborts", 0)
		id, err := l.UniqueID()
		if err != nil {
			t.Fatal(err)
		}
		_, err = l.Join(within(t, 100*time.Millisecond), gpu{s, 0}, id, 1, 2)
		fails(t, test.version, err, "rank 1 of 2 ", test.want, "all 2 ranks")
		if !errors.Is(err, context.DeadlineExceeded) || s.Set("standin_aborts", 0)-before != test.aborts {
			t.Errorf("%s: %v", test.version, err)
		}
		_, err = l.Join(t.Context(), gpu{s, 0}, id, 2, 2)
		fails(t, "rank 2 of 2", err, "ranks are numbered from 0")
	}
}

// TestLostPeer has a rank that notices a lost peer, and one that notices nothing. Both abort.
func TestLostPeer(t *testing.T) {
	for _, test := range []struct{ control, noticed, other string }{
		{"standin_lose", ": NCCL failed: remote error; its last message is: the connection to a peer is lost (error 6 of NCCL 2.30.7)", ""},
		{"standin_die", "rank 1 of 2 waits for the GPUs: context deadline exceeded after", "another rank is slow, hangs or has died"},
	} {
		l, s := open(t, current)
		s.Set(test.control, 1)
		before := s.Set("standin_aborts", 0)
		failures := ranks(t, l, s, 2, func(c *Communicator) error {
			st, x := s.stream(), make([]float32, 5)
			if err := c.Start(within(t, 10*time.Second), st, AllReduce(uintptr(unsafe.Pointer(&x[0])), len(x), Float32)); err != nil {
				return err
			}
			err := c.Wait(within(t, 400*time.Millisecond), st)
			if idle, _ := st.Idle(); !idle {
				t.Error("a kernel runs after the abort")
			}
			fails(t, "after the abort", c.Wait(t.Context(), st), "was aborted; join again")
			runtime.KeepAlive(x)
			return errors.Join(err, c.Close(t.Context()))
		})
		fails(t, "rank 0", failures[0], "rank 0 of 2 waits for the GPUs: context deadline exceeded after", "another rank is slow, hangs or has died")
		fails(t, "rank 1", failures[1], test.noticed, test.other)
		if n := s.Set("standin_aborts", 0) - before; n != 2 {
			t.Errorf("%d aborts", n)
		}
	}
}

// failing are the buffers of operations that fail. The library only has their addresses, so they must stay where they are.
var failing [2][2]int32

func buffer(of *[2]int32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(of)), unsafe.Sizeof(*of))
}

// TestFailures makes each function fail.
func TestFailures(t *testing.T) {
	for _, function := range functionNames {
		switch function {
		case "ncclGetVersion", "ncclGetErrorString", "ncclGetLastError", "ncclCommGetAsyncError":
			continue // no function of the stand-in that fails
		}
		v := current
		if function == "ncclCommInitRank" {
			v = old
		}
		l, s := open(t, v)
		s.Fail(function, 4)
		err := func() error {
			id, err := l.UniqueID()
			if err != nil {
				return err
			}
			c, err := l.Join(within(t, 10*time.Second), gpu{s, 0}, id, 0, 1)
			if err != nil {
				return err
			}
			x, y, st := buffer(&failing[0]), buffer(&failing[1]), s.stream()
			all := []Operation{AllReduce(address(x), 1, Int32), ReduceScatter(address(x), address(x), 1, Int32), AllGather(address(x), address(x), 1, Int32), Broadcast(address(x), 1, Int32, 0)}
			if err := c.Start(within(t, 10*time.Second), st, all...); err != nil {
				fails(t, function, c.Start(t.Context(), st, all...), "was aborted; join again")
				return err
			}
			if err := c.Start(within(t, 10*time.Second), st, AllToAll(address(y), address(x), 1, Int32, 1)...); err != nil {
				return err
			}
			if err := c.Wait(within(t, 10*time.Second), st); err != nil {
				return err
			}
			if function == "ncclCommAbort" {
				return c.Abort()
			}
			return c.Close(within(t, 10*time.Second))
		}()
		fails(t, function, err, function+" failed: invalid argument", "error 4 of NCCL "+l.version.String())
		if v == current {
			fails(t, function, err, "its last message is: as the test wants")
		}
	}
}

// TestStuck has an ncclCommAbort that doesn't return, and a call that begins after its context has ended.
func TestStuck(t *testing.T) {
	l, s := open(t, current)
	defer func(d time.Duration) { abortWait = d }(abortWait)
	abortWait = 50 * time.Millisecond
	for _, err := range ranks(t, l, s, 1, func(c *Communicator) error {
		s.Set("standin_stick", 1)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		return c.Start(ctx, s.stream(), AllReduce(8, 1, Float32))
	}) {
		fails(t, "stuck", err, "rank 0 of 1 can't start ncclAllReduce: context canceled", "a call of NCCL doesn't return")
	}
}

// TestArguments checks the errors for wrong arguments, which leave the communicator usable.
func TestArguments(t *testing.T) {
	l, s := open(t, current)
	succeed(t, ranks(t, l, s, 2, func(c *Communicator) error {
		for want, o := range map[string]Operation{
			"elements of type 6, which is not one": AllReduce(8, 1, 6), "ncclAllReduce of 0 elements": AllReduce(8, 0, Float32),
			"ncclAllGather from 0x0 to 0x8": AllGather(8, 0, 1, Int32), "from 0x8 to 0x6; addresses": ReduceScatter(6, 8, 1, Int32),
			"ncclBroadcast from rank 2 of 2": Broadcast(8, 1, Uint8, 2),
		} {
			fails(t, want, c.Start(t.Context(), s.stream(), o), want)
		}
		return c.Close(within(t, 10*time.Second))
	}))
}
