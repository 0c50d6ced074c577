package torchfile

import (
	"encoding/binary"
	"fmt"
	"math"
)

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
		case *Object:
			return target.add(items, op == opSetItem || op == opSetItems)
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
