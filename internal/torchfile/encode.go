package torchfile

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/bestiary-ml/bestiary/internal/safetensors"
)

// storageTypes are the storage types of the element types that can be written.
var storageTypes = map[safetensors.DType]global{
	safetensors.F64:  "torch.DoubleStorage",
	safetensors.F32:  "torch.FloatStorage",
	safetensors.I64:  "torch.LongStorage",
	safetensors.I32:  "torch.IntStorage",
	safetensors.U8:   "torch.ByteStorage",
	safetensors.BOOL: "torch.BoolStorage",
}

// encoder writes a pickle of protocol 2. It uses no memo: an object that occurs twice is written twice. Only the storage of a
// tensor is shared, by the key in its persistent id.
type encoder struct {
	out      []byte
	storages []*safetensors.Tensor // by key
	key      map[*safetensors.Tensor]int
}

// encode returns the pickle of an object, and the tensors with the storages "0", "1" and so on.
func encode(root any) (code []byte, storages []*safetensors.Tensor, err error) {
	e := &encoder{out: []byte{opProto, 2}, key: map[*safetensors.Tensor]int{}}
	if err := e.value(root, 0); err != nil {
		return nil, nil, err
	}
	return append(e.out, opStop), e.storages, nil
}

func (e *encoder) value(v any, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("its object is nested too deeply")
	}
	switch v := v.(type) {
	case nil:
		e.op(opNone)
	case bool:
		if v {
			e.op(opNewTrue)
		} else {
			e.op(opNewFalse)
		}
	case int:
		e.int(int64(v))
	case int64:
		e.int(v)
	case float64:
		e.op(opBinFloat)
		e.out = binary.BigEndian.AppendUint64(e.out, math.Float64bits(v))
	case string:
		if !utf8.ValidString(v) {
			return fmt.Errorf("the string %q is not UTF-8", v)
		}
		e.text(v)
	case List:
		e.op(opEmptyList)
		return e.items(v, opAppends, depth)
	case Tuple:
		return e.items(v, opTuple, depth)
	case *Dict:
		if v.Ordered {
			e.global(orderedDict)
			e.op(opEmptyTuple, opReduce)
		} else {
			e.op(opEmptyDict)
		}
		items := make([]any, 0, 2*v.Len())
		for key, value := range v.All() {
			if _, ok := key.(int); !ok && !isKey(key) {
				return fmt.Errorf("%s cannot be a key", describe(key))
			}
			items = append(items, key, value)
		}
		return e.items(items, opSetItems, depth)
	case *safetensors.Tensor:
		return e.tensor(v)
	case *Object:
		return e.object(v, depth)
	default:
		return fmt.Errorf("%s cannot be written", describe(v))
	}
	return nil
}

// items writes a mark, the values, and the opcode that consumes them.
func (e *encoder) items(items []any, op byte, depth int) error {
	e.op(opMark)
	for _, v := range items {
		if err := e.value(v, depth+1); err != nil {
			return err
		}
	}
	e.op(op)
	return nil
}

// object writes the class, the call or __new__ with the arguments, and the state.
func (e *encoder) object(o *Object, depth int) error {
	e.global(global(o.Class))
	if o.Args == nil {
		return nil
	}
	if err := e.items(o.Args, opTuple, depth); err != nil {
		return err
	}
	if e.op(opReduce); o.New {
		e.out[len(e.out)-1] = opNewObj
	}
	if o.State == nil {
		return nil
	}
	if err := e.value(o.State, depth+1); err != nil {
		return err
	}
	e.op(opBuild)
	return nil
}

// tensor writes the call _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks).
func (e *encoder) tensor(t *safetensors.Tensor) error {
	kind, ok := storageTypes[t.DType]
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	if !ok || n != t.Len() {
		return fmt.Errorf("a tensor %q of type %s and shape %v with %d elements cannot be written", t.Name, t.DType, t.Shape, t.Len())
	}
	key, ok := e.key[t]
	if !ok {
		key = len(e.storages)
		e.key[t] = key
		e.storages = append(e.storages, t)
	}
	size, stride := make(Tuple, len(t.Shape)), make(Tuple, len(t.Shape))
	next := 1
	for i := len(t.Shape) - 1; i >= 0; i-- {
		size[i], stride[i] = t.Shape[i], next
		next *= max(t.Shape[i], 1)
	}
	e.global(rebuildTensor)
	e.op(opMark)
	e.op(opMark)
	e.text("storage")
	e.global(kind)
	e.text(fmt.Sprint(key))
	e.text("cpu")
	e.int(int64(n))
	e.op(opTuple, opBinPersID)
	e.int(0)
	for _, v := range []Tuple{size, stride} {
		if err := e.items(v, opTuple, 0); err != nil {
			return err
		}
	}
	e.op(opNewFalse)
	e.global(orderedDict)
	e.op(opEmptyTuple, opReduce, opTuple, opReduce)
	return nil
}

func (e *encoder) op(ops ...byte) { e.out = append(e.out, ops...) }

func (e *encoder) global(g global) {
	module, name := g.split()
	e.op(opGlobal)
	e.out = fmt.Appendf(e.out, "%s\n%s\n", module, name)
}

func (e *encoder) text(s string) {
	e.op(opBinUnicode)
	e.out = binary.LittleEndian.AppendUint32(e.out, uint32(len(s)))
	e.out = append(e.out, s...)
}

func (e *encoder) int(v int64) {
	switch {
	case v >= 0 && v <= math.MaxUint8:
		e.op(opBinInt1, byte(v))
	case v >= 0 && v <= math.MaxUint16:
		e.op(opBinInt2)
		e.out = binary.LittleEndian.AppendUint16(e.out, uint16(v))
	case v >= math.MinInt32 && v <= math.MaxInt32:
		e.op(opBinInt)
		e.out = binary.LittleEndian.AppendUint32(e.out, uint32(v))
	default:
		e.op(opLong1, 8)
		e.out = binary.LittleEndian.AppendUint64(e.out, uint64(v))
	}
}
