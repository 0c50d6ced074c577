package torchfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
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
	case opBuild:
		return m.build()
	default:
		return m.container(op)
	}
	return nil
}

// scalar reads the value of an opcode for a scalar.
func (m *machine) scalar(op byte) (any, error) {
	switch op {
	case opNewTrue, opNewFalse:
		return op == opNewTrue, nil
	case opBinInt1:
		b, err := m.byte()
		return int64(b), err
	case opBinInt2:
		v, err := m.uint(2)
		return int64(v), err
	case opBinInt:
		v, err := m.uint(4)
		return int64(int32(v)), err
	case opLong1:
		return m.long()
	case opBinFloat:
		b, err := m.bytes(8)
		if err != nil {
			return nil, err
		}
		return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
	case opShortUnicode, opShortBinString:
		return m.text(1)
	case opBinUnicode, opBinString:
		return m.text(4)
	}
	return nil, nil // opNone
}

// container runs the opcodes of lists, tuples and dictionaries.
func (m *machine) container(op byte) error {
	switch op {
	case opEmptyDict:
		m.push(&Dict{})
	case opEmptyList:
		m.push(&list{})
	case opEmptyTuple:
		m.push(Tuple{})
	case opTuple1, opTuple2, opTuple3:
		items, err := m.take(int(op - opTuple1 + 1))
		m.push(Tuple(items))
		return err
	case opTuple, opList, opDict:
		items, err := m.popMark()
		if err != nil {
			return err
		}
		switch op {
		case opTuple:
			m.push(Tuple(items))
		case opList:
			m.push(&list{items})
		default:
			d := &Dict{}
			m.push(d)
			return d.add(items)
		}
	case opAppend, opAppends, opSetItem, opSetItems:
		items, err := m.items(op)
		if err != nil {
			return err
		}
		target, err := m.top()
		if err != nil {
			return err
		}
		switch target := target.(type) {
		case *list:
			if op == opAppend || op == opAppends {
				target.items = append(target.items, items...)
				return nil
			}
		case *Dict:
			if op == opSetItem || op == opSetItems {
				return target.add(items)
			}
		}
		return fmt.Errorf("its pickle adds items to %s", describe(target))
	default:
		if name, ok := refused[op]; ok {
			return &namedError{"opcode " + name}
		}
		return fmt.Errorf("its pickle has opcode %#02x at byte %d, which no checkpoint needs", op, m.at-1)
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
	}
	return fmt.Sprintf("a %T", v)
}
