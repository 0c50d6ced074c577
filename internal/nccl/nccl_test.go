//go:build linux && (amd64 || arm64) && !nocuda

package nccl

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/bestiary-ml/bestiary/internal/comm"
)

// TestOpen checks versions, and the errors for libraries that can't be used.
func TestOpen(t *testing.T) {
	for code, want := range map[version]string{2804: "2.8.4", 20906: "2.9.6", 21003: "2.10.3", 23007: "2.30.7"} {
		if code.String() != want {
			t.Errorf("%d is %v", int(code), code)
		}
	}
	for _, v := range []string{current, old} {
		l, _ := open(t, v)
		if number, path := l.Version(); path != build(t, v) || number != l.version.String() || l.has(commInitRankConfig) != (v == current) {
			t.Errorf("%s: %s at %s", v, number, path)
		}
	}
	for path, want := range map[string]string{
		"/nowhere/libnccl.so": "there is no such library", "libc.so.6": "is no NCCL of version 2.10.0 or later, as it has no ncclGetVersion",
		build(t, tooOld): "has the version 2.8.4; install 2.10.0 or later",
	} {
		t.Setenv(Variable, path)
		_, err := Open()
		fails(t, path, err, want)
	}
}

// numbers writes whole numbers as elements.
func numbers(e Type, values []int) []byte {
	b := make([]byte, 0, 4*len(values)+4)
	for _, v := range values {
		switch e {
		case Uint8:
			b = append(b, byte(v))
		case Bfloat16:
			b = binary.NativeEndian.AppendUint16(b, uint16(math.Float32bits(float32(v))>>16))
		case Int32:
			b = binary.NativeEndian.AppendUint32(b, uint32(v))
		case Float32:
			b = binary.NativeEndian.AppendUint32(b, math.Float32bits(float32(v)))
		}
	}
	return b
}

// value is element i of a rank. Sums of four are exact in bfloat16 and uint8.
func value(rank, i int) int { return i%11 + 3*rank }

func address(b []byte) uintptr { return uintptr(unsafe.Pointer(&b[0])) }

// TestSums compares all operations with sums that are known, alone and in groups, in place and not.
func TestSums(t *testing.T) {
	for _, v := range []string{current, old} {
		for _, size := range []int{1, 2, 4} {
			t.Run(fmt.Sprint(v, " ", size), func(t *testing.T) {
				l, s := open(t, v)
				before := s.control("standin_groups", 0)
				succeed(t, ranks(t, l, s, size, func(c *Communicator) error { return sums(t, c, s) }))
				if groups := s.control("standin_groups", 0) - before; groups != 4*size {
					t.Errorf("%d groups by %d ranks", groups, size)
				}
			})
		}
	}
}

func sums(t *testing.T, c *Communicator, s standIn) error {
	const n = 37
	rank, size := c.Rank()
	ctx, st := within(t, 20*time.Second), s.stream()
	of := func(e Type, length int, f func(i int) int) []byte {
		values := make([]int, length)
		for i := range values {
			values[i] = f(i)
		}
		return numbers(e, values)
	}
	total := func(i int) (sum int) {
		for r := range size {
			sum += value(r, i)
		}
		return sum
	}
	for _, e := range []Type{Uint8, Int32, Float32, Bfloat16} {
		width := int(e.bytes())
		mine := func(i int) int { return value(rank, i) }
		own := of(e, n, mine)
		reduced, apart, inPlace := of(e, n, mine), of(e, n*size, mine), of(e, n*size, mine)
		part, gathered, sent := make([]byte, n*width), make([]byte, n*size*width), of(e, n, mine)
		copy(gathered[rank*n*width:], own)
		elsewhere := make([]byte, n*size*width)
		if err := c.Start(ctx, st, AllReduce(address(reduced), n, e)); err != nil {
			return err
		}
		if err := c.Start(ctx, st,
			ReduceScatter(address(part), address(apart), n, e), ReduceScatter(address(inPlace)+uintptr(rank*n*width), address(inPlace), n, e),
			AllGather(address(gathered), address(gathered)+uintptr(rank*n*width), n, e), AllGather(address(elsewhere), address(own), n, e),
			Broadcast(address(sent), n, e, size-1)); err != nil {
			return err
		}
		if err := c.Wait(ctx, st); err != nil {
			return err
		}
		all := of(e, n*size, func(i int) int { return value(i/n, i%n) })
		for _, check := range []struct {
			name      string
			got, want []byte
		}{
			{"AllReduce", reduced, of(e, n, total)},
			{"ReduceScatter", part, of(e, n, func(i int) int { return total(rank*n + i) })},
			{"ReduceScatter in place", inPlace[rank*n*width:][:n*width], part},
			{"AllGather in place", gathered, all}, {"AllGather", elsewhere, all},
			{"Broadcast", sent, of(e, n, func(i int) int { return value(size-1, i) })},
		} {
			if !bytes.Equal(check.got, check.want) {
				return fmt.Errorf("%s of type %d, rank %d: %v, want %v", check.name, e, rank, check.got, check.want)
			}
		}
	}
	if err := c.Start(ctx, st); err != nil { // nothing
		return err
	}
	if err := c.Close(ctx); err != nil {
		return err
	}
	if err := c.Start(ctx, st, AllReduce(8, 1, Float32)); err == nil {
		return errors.New("a closed communicator works")
	}
	return errors.Join(c.Close(ctx), c.Abort())
}

// TestMissingRank has a rank that never comes: with calls that return at once, with NCCL_COMM_BLOCKING=1, and before NCCL 2.14.
func TestMissingRank(t *testing.T) {
	for _, test := range []struct {
		version        string
		blocks, aborts int
		want           string
	}{{current, 0, 1, "can't join the other ranks"}, {current, 1, 0, "inside of NCCL"}, {old, 0, 0, "inside of NCCL"}} {
		l, s := open(t, test.version)
		s.control("standin_block", test.blocks)
		before := s.control("standin_aborts", 0)
		id, err := l.UniqueID()
		if err != nil {
			t.Fatal(err)
		}
		_, err = l.Join(within(t, 100*time.Millisecond), gpu{s, 0}, id, 1, 2)
		fails(t, test.version, err, "rank 1 of 2 ", test.want, "all 2 ranks")
		if !errors.Is(err, context.DeadlineExceeded) || s.control("standin_aborts", 0)-before != test.aborts {
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
		s.control(test.control, 1)
		before := s.control("standin_aborts", 0)
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
		if n := s.control("standin_aborts", 0) - before; n != 2 {
			t.Errorf("%d aborts", n)
		}
	}
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
		s.fail(function, 4)
		err := func() error {
			id, err := l.UniqueID()
			if err != nil {
				return err
			}
			c, err := l.Join(within(t, 10*time.Second), gpu{s, 0}, id, 0, 1)
			if err != nil {
				return err
			}
			x, st := make([]byte, 8), s.stream()
			all := []Operation{AllReduce(address(x), 1, Int32), ReduceScatter(address(x), address(x), 1, Int32), AllGather(address(x), address(x), 1, Int32), Broadcast(address(x), 1, Int32, 0)}
			if err := c.Start(within(t, 10*time.Second), st, all...); err != nil {
				fails(t, function, c.Start(t.Context(), st, all...), "was aborted; join again")
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
		s.control("standin_stick", 1)
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
