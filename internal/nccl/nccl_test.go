//go:build linux && (amd64 || arm64) && !nocuda

package nccl

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"testing"
	"time"
	"unsafe"
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
				before := s.Set("standin_groups", 0)
				succeed(t, ranks(t, l, s, size, func(c *Communicator) error { return sums(t, c, s) }))
				if groups := s.Set("standin_groups", 0) - before; groups != 8*size {
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
		exchanged := make([]byte, n*size*width)
		toEach := of(e, n*size, func(i int) int { return value(rank, i%n) + i/n }) // another part for each rank
		if err := c.Start(ctx, st, AllToAll(address(exchanged), address(toEach), n, e, size)...); err != nil {
			return err
		}
		if err := c.Wait(ctx, st); err != nil {
			return err
		}
		runtime.KeepAlive([][]byte{own, apart, toEach}) // the library only has their addresses
		all := of(e, n*size, func(i int) int { return value(i/n, i%n) })
		for _, check := range []struct {
			name      string
			got, want []byte
		}{
			{"AllReduce", reduced, of(e, n, total)},
			{"ReduceScatter", part, of(e, n, func(i int) int { return total(rank*n + i) })},
			{"ReduceScatter in place", inPlace[rank*n*width:][:n*width], part},
			{"AllGather in place", gathered, all}, {"AllGather", elsewhere, all},
			{"AllToAll", exchanged, of(e, n*size, func(i int) int { return value(i/n, i%n) + rank })},
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
