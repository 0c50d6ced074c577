package nccl

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"unsafe"
)

// ID is an ncclUniqueId: by it, ranks find each other. It serves for one communicator.
type ID [128]byte

// UniqueID makes an id. The process that makes it must be one of the ranks, as it listens for the others.
func (l *Library) UniqueID() (ID, error) {
	id := new(ID)
	err := l.check(getUniqueID, uintptr(unsafe.Pointer(id)))
	return *id, err
}

// Device is the GPU of a rank. The one of internal/cuda is meant.
type Device interface {
	// Use calls f on a thread with the GPU's context, which f must not leave. Several goroutines may call it at once.
	Use(f func() error) error
}

// Communicator is this rank's end of the connections between all ranks. One goroutine at a time may use it, and all ranks must
// start the same operations in the same order.
type Communicator struct {
	library    *Library
	device     Device
	rank, size int
	id         ID
	settings   config
	handle     uintptr // ncclComm_t; NCCL 2.14 also writes to it after the call
	closed     error   // why it can't be used any more
}

// config is an ncclConfig_t of NCCL 2.14. Later versions take the members that they have added as undefined, by the version.
type config struct {
	size           uintptr
	magic, version uint32
	blocking       int32
	undefined      int32 // padding, where 2.17 and later have cgaClusterSize
}

// nonblocking asks for calls that don't wait for other ranks.
var nonblocking = config{size: unsafe.Sizeof(config{}), magic: 0xcafebeef, version: 21400, blocking: 0, undefined: math.MinInt32}

// Join makes the communicator of rank, of size ranks with the same id, and waits for the others until the context ends. Each
// rank needs a GPU of its own.
func (l *Library) Join(ctx context.Context, d Device, id ID, rank, size int) (*Communicator, error) {
	if size < 1 || rank < 0 || rank >= size || size > math.MaxInt32 {
		return nil, fmt.Errorf("nccl: rank %d of %d ranks; ranks are numbered from 0", rank, size)
	}
	c := &Communicator{library: l, device: d, rank: rank, size: size, id: id, settings: nonblocking}
	err := c.run(ctx, c.begin)
	if errors.Is(err, errLeft) { // the thread may still write the handle
		return nil, fmt.Errorf("%w; start again, with all %d ranks", c.describe("waits for the other ranks inside of NCCL", err), size)
	}
	if err == nil {
		err = c.settle(ctx)
	}
	if err == nil {
		return c, nil
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("%w; start all %d ranks, and if they run, look at their networks with NCCL_DEBUG=INFO and choose one by NCCL_SOCKET_IFNAME", err, size)
	}
	if c.handle != 0 {
		err = errors.Join(err, c.Abort())
	}
	return nil, c.describe("can't join the other ranks", err)
}

// begin calls ncclCommInitRankConfig or, in NCCL before 2.14, ncclCommInitRank, which waits for the other ranks.
func (c *Communicator) begin() error {
	f := commInitRank
	if c.library.has(commInitRankConfig) {
		f = commInitRankConfig
	}
	err := c.library.check(f, c.arguments()...)
	runtime.KeepAlive(c) // the arguments point to its members
	return err
}

// arguments returns those of ncclCommInitRankConfig: handle, size, id, rank, config. ncclCommInitRank has no config. C passes the
// id by value. On amd64 such a struct lies on the stack, where the arguments from the seventh on are, and takes no register; the
// other arguments are in the first four registers of six. On arm64 it is passed as a pointer.
func (c *Communicator) arguments() []uintptr {
	handle, size, rank, settings := uintptr(unsafe.Pointer(&c.handle)), uintptr(c.size), uintptr(c.rank), uintptr(unsafe.Pointer(&c.settings))
	if runtime.GOARCH == "arm64" {
		return []uintptr{handle, size, uintptr(unsafe.Pointer(&c.id)), rank, settings}
	}
	args := []uintptr{handle, size, rank, settings, 0, 0}
	for at := 0; at < len(c.id); at += 8 {
		args = append(args, uintptr(binary.NativeEndian.Uint64(c.id[at:])))
	}
	return args
}

// Rank returns the number of this rank, and how many there are.
func (c *Communicator) Rank() (rank, size int) { return c.rank, c.size }

// describe says which rank failed.
func (c *Communicator) describe(what string, err error) error {
	return fmt.Errorf("rank %d of %d %s: %w", c.rank, c.size, what, err)
}
