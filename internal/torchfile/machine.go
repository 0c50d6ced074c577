package torchfile

import (
	"errors"
	"fmt"
	"strconv"
)

const (
	// maxPickle bounds the size of a pickle in bytes, and so the memory of the machine: an opcode allocates at most some 200
	// bytes for each of its bytes. A state_dict takes about 100 bytes a tensor.
	maxPickle = 8 << 20
	maxProto  = 5
)

// mark is the value that MARK pushes.
type mark struct{}

// list is a List that can still grow.
type list struct{ items List }

// machine runs a pickle.
type machine struct {
	code  []byte
	at    int
	stack []any
	memo  map[uint64]any
	// load turns a persistent id into a storage.
	load func(id Tuple) (*storage, error)
}

// run runs the pickle at the start of code. It returns the object, not yet frozen, and the length of the pickle.
func run(code []byte, load func(Tuple) (*storage, error)) (object any, length int, err error) {
	m := &machine{code: code, memo: map[uint64]any{}, load: load}
	for {
		op, err := m.byte()
		if err != nil {
			return nil, 0, err
		}
		if op == opStop {
			object, err := m.pop()
			return object, m.at, err
		}
		if err := m.step(op); err != nil {
			return nil, 0, err
		}
	}
}

// step runs one opcode.
func (m *machine) step(op byte) error {
	switch op {
	case opProto:
		v, err := m.byte()
		if err == nil && v > maxProto {
			err = fmt.Errorf("its pickle is of protocol %d, which is unknown", v)
		}
		return err
	case opFrame:
		_, err := m.bytes(8)
		return err
	case opNone, opNewTrue, opNewFalse, opBinInt, opBinInt1, opBinInt2, opLong1, opBinFloat,
		opBinUnicode, opShortUnicode, opBinString, opShortBinString:
		v, err := m.scalar(op)
		m.push(v)
		return err
	case opMark:
		m.push(mark{})
	case opPop:
		_, err := m.popAny()
		return err
	case opPopMark:
		_, err := m.popMark()
		return err
	case opDup:
		v, err := m.pop()
		m.push(v)
		m.push(v)
		return err
	case opPut, opBinPut, opLongBinPut, opMemoize, opGet, opBinGet, opLongBinGet:
		return m.remember(op)
	case opGlobal, opStackGlobal:
		return m.name(op)
	case opBinPersID:
		return m.persistent()
	case opReduce:
		return m.reduce()
	case opNewObj:
		return m.newObject()
	case opBuild:
		return m.build()
	default:
		return m.container(op)
	}
	return nil
}

// items are what APPEND, SETITEM or their plurals add.
func (m *machine) items(op byte) ([]any, error) {
	switch op {
	case opAppend:
		return m.take(1)
	case opSetItem:
		return m.take(2)
	}
	return m.popMark()
}

func (d *Dict) add(items []any) error {
	if len(items)%2 != 0 {
		return errors.New("its pickle has a key without a value")
	}
	for i := 0; i < len(items); i += 2 {
		if class, ok := items[i].(*Object); ok && class.Args == nil { // PyTorch Lightning's callbacks
			items[i] = class.Class
		}
		if !isKey(items[i]) {
			return fmt.Errorf("its pickle uses %s as a key", describe(items[i]))
		}
		d.Set(items[i], items[i+1])
	}
	return nil
}

// remember runs the opcodes of the memo.
func (m *machine) remember(op byte) error {
	var key uint64
	var err error
	switch op {
	case opPut, opGet:
		var line string
		if line, err = m.line(); err == nil {
			key, err = strconv.ParseUint(line, 10, 32)
		}
	case opBinPut, opBinGet:
		key, err = m.uint(1)
	case opLongBinPut, opLongBinGet:
		key, err = m.uint(4)
	case opMemoize:
		key = uint64(len(m.memo))
	}
	if err != nil {
		return err
	}
	switch op {
	case opGet, opBinGet, opLongBinGet:
		v, ok := m.memo[key]
		if !ok {
			return fmt.Errorf("its pickle recalls item %d, which it never put aside", key)
		}
		m.push(v)
		return nil
	}
	v, err := m.top()
	m.memo[key] = v
	return err
}

// describe names a value's type for messages.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case *list, List:
		return "a list"
	case Tuple:
		return "a tuple"
	case *Dict:
		return "a dictionary"
	case *Tensor:
		return "a tensor"
	case *storage:
		return "a tensor's storage"
	case global:
		return string(v)
	case *Object:
		return v.Class
	}
	return fmt.Sprintf("a %T", v)
}
