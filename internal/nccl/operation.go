package nccl

import (
	"context"
	"errors"
	"fmt"
)

// Type is that of the elements, an ncclDataType_t.
type Type uintptr

// Types of elements.
const (
	Uint8    Type = 1
	Int32    Type = 2
	Float32  Type = 7
	Bfloat16 Type = 9
)

// bytes is the size of an element; 0 for an unknown type.
func (t Type) bytes() uintptr {
	switch t {
	case Uint8:
		return 1
	case Bfloat16:
		return 2
	case Int32, Float32:
		return 4
	}
	return 0
}

// sum is ncclSum, the one ncclRedOp_t that is used.
const sum = 0

// Operation is a collective operation on memory of the GPU. All ranks start it with the same arguments, except for the addresses.
type Operation struct {
	function      function
	send, receive uintptr
	n             int // count of the function's elements
	element       Type
	root          int // of a send or a receive: the other rank
}

// AllReduce replaces the n elements at buffer by the sums of the ranks' elements.
func AllReduce(buffer uintptr, n int, t Type) Operation {
	return Operation{function: allReduce, send: buffer, receive: buffer, n: n, element: t}
}

// ReduceScatter sums the size·n elements at all over the ranks. The n elements at own get this rank's part of the sums: of the
// parts of n elements, the one with the number of the rank. own may be the address of that part in all.
func ReduceScatter(own, all uintptr, n int, t Type) Operation {
	return Operation{function: reduceScatter, send: all, receive: own, n: n, element: t}
}

// AllGather fills the size·n elements at all with the ranks' n elements at own, one after the other. own may be the address of
// this rank's part in all.
func AllGather(all, own uintptr, n int, t Type) Operation {
	return Operation{function: allGather, send: own, receive: all, n: n, element: t}
}

// Broadcast fills the n elements at buffer with those of rank root.
func Broadcast(buffer uintptr, n int, t Type, root int) Operation {
	return Operation{function: broadcast, send: buffer, receive: buffer, n: n, element: t, root: root}
}

// AllToAll returns the operations, of one call of Start, that send each of size ranks its n elements of the size·n at from, and fill to
// with what the ranks send, one after the other.
func AllToAll(to, from uintptr, n int, t Type, size int) (all []Operation) {
	for rank := range size {
		at := uintptr(rank*n) * t.bytes()
		all = append(all, Operation{function: send, send: from + at, receive: to, n: n, element: t, root: rank},
			Operation{function: receive, send: from, receive: to + at, n: n, element: t, root: rank})
	}
	return all
}

// Start queues operations in a stream. Several at once are a group, which NCCL launches together. The operations have not ended
// when Start returns, but they are in the stream: what is queued in it afterwards comes after them. The stream must not be
// captured. If the context ends before, or a call fails, the communicator is aborted.
func (c *Communicator) Start(ctx context.Context, s Stream, operations ...Operation) error {
	if c.closed != nil {
		return c.closed
	}
	for _, o := range operations {
		if err := o.check(c.size); err != nil {
			return err
		}
	}
	if len(operations) == 0 {
		return nil
	}
	stream := s.Handle()
	err := c.run(ctx, func() error { return c.queue(stream, operations) })
	if err == nil {
		err = c.settle(ctx)
	}
	return c.orAbort("can't start "+operations[0].name(), err)
}

// queue calls the functions of operations. A group belongs to the thread.
func (c *Communicator) queue(stream uintptr, operations []Operation) (err error) {
	if len(operations) > 1 {
		if err := c.library.check(groupStart); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.library.check(groupEnd)) }() // also after a failure, or the group would stay open
	}
	for _, o := range operations {
		if err := c.library.check(o.function, o.arguments(c.handle, stream)...); err != nil {
			return err
		}
	}
	return nil
}

// arguments returns those of the operation's function.
func (o Operation) arguments(communicator, stream uintptr) []uintptr {
	args := []uintptr{o.send, o.receive, uintptr(o.n), uintptr(o.element)}
	switch o.function {
	case allReduce, reduceScatter:
		args = append(args, sum)
	case broadcast:
		args = append(args, uintptr(o.root)) // #nosec G115 -- a rank
	case send, receive:
		args[1] = o.send
		if o.function == receive {
			args[1] = o.receive
		}
		args = append(args[1:], uintptr(o.root)) // #nosec G115 -- a rank
	}
	return append(args, communicator, stream)
}

func (o Operation) name() string { return functionNames[o.function] }

// check checks what NCCL wouldn't, or only with NCCL_CHECK_POINTERS.
func (o Operation) check(size int) error {
	bytes := o.element.bytes()
	switch {
	case bytes == 0:
		return fmt.Errorf("nccl: %s of elements of type %d, which is not one of this package", o.name(), o.element)
	case o.n < 1:
		return fmt.Errorf("nccl: %s of %d elements; start it with at least one", o.name(), o.n)
	case o.send == 0 || o.receive == 0 || o.send%bytes != 0 || o.receive%bytes != 0:
		return fmt.Errorf("nccl: %s from %#x to %#x; addresses must be on the GPU and multiples of %d", o.name(), o.send, o.receive, bytes)
	case o.root < 0 || o.root >= size:
		return fmt.Errorf("nccl: %s from rank %d of %d; ranks are numbered from 0", o.name(), o.root, size)
	}
	return nil
}
