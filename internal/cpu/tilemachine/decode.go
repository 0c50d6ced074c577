package tilemachine

import "encoding/binary"

type operation int

const (
	ldTileCfg operation = iota
	stTileCfg
	tileRelease
	tileZero
	tileLoad
	tileStore
	tdpBF16PS
)

func (o operation) String() string {
	return [...]string{"LDTILECFG", "STTILECFG", "TILERELEASE", "TILEZERO", "TILELOADD", "TILESTORED", "TDPBF16PS"}[o]
}

// instruction is a decoded tile instruction.
type instruction struct {
	operation
	length   int
	tile     int // the tile that is written or stored
	left     int // second and third operand of a product
	right    int
	base     int // number of a register, none, or next for the address behind the instruction
	index    int
	scale    int // shift of the index
	distance int64
}

const (
	none = -1
	next = -2
)

// maxLength is the largest number of bytes of an instruction: LOCK, VEX prefix, opcode, ModRM, SIB, displacement.
const maxLength = 1 + vexLength

const (
	vexLength  = 3 + 1 + 1 + 1 + 4
	lockPrefix = 0xf0
)

// decode reads the tile instruction that code, maxLength bytes, begins with; false if it is none. A LOCK prefix
// is allowed: every processor faults on it, with AMX or without, so tests can reach the emulator on any machine.
func decode(code []byte) (i instruction, ok bool) {
	if code[0] == lockPrefix {
		i, ok = decodeVEX(code[1:])
		i.length++
		return i, ok
	}
	return decodeVEX(code)
}

// decodeVEX is decode for code without a LOCK prefix, vexLength bytes.
func decodeVEX(code []byte) (i instruction, ok bool) {
	const vex3, map0F38 = 0xc4, 2
	first, second, modRM := code[1], code[2], code[4]
	if code[0] != vex3 || first&0x1f != map0F38 || second&0x84 != 0 { // W and L are 0
		return i, false
	}
	extension := func(bit int) int { return int(^first>>bit&1) << 3 } // R, X, B are stored inverted
	vvvv, prefix := int(^second>>3&15), second&3
	mod, reg, rm := modRM>>6, int(modRM>>3&7), int(modRM&7)
	const np, p66, pF3, pF2 = 0, 1, 2, 3
	memory, isTile := mod != 3, first&0x80 != 0 // tiles are numbered with three bits
	i.length, i.tile = 5, reg
	switch opcode := code[3]; {
	case opcode == 0x49 && vvvv == 0 && isTile && memory && reg == 0 && prefix == np:
		i.operation = ldTileCfg
	case opcode == 0x49 && vvvv == 0 && isTile && memory && reg == 0 && prefix == p66:
		i.operation = stTileCfg
	case opcode == 0x49 && vvvv == 0 && modRM == 0xc0 && prefix == np:
		i.operation = tileRelease
		return i, true
	case opcode == 0x49 && vvvv == 0 && isTile && mod == 3 && rm == 0 && prefix == pF2:
		i.operation = tileZero
		return i, true
	case opcode == 0x4b && vvvv == 0 && isTile && memory && rm == 4 && (prefix == pF2 || prefix == p66):
		i.operation = tileLoad // or TILELOADDT1, with a cache hint
	case opcode == 0x4b && vvvv == 0 && isTile && memory && rm == 4 && prefix == pF3:
		i.operation = tileStore
	case opcode == 0x5c && vvvv < 8 && isTile && mod == 3 && first&0x20 != 0 && prefix == pF3:
		i.operation, i.left, i.right = tdpBF16PS, rm, vvvv
		return i, true
	default:
		return i, false
	}

	i.base, i.index = rm|extension(5), none
	wide := mod == 2
	if rm == 4 {
		sib := code[5]
		i.length++
		i.base, i.scale = int(sib&7)|extension(5), int(sib>>6)
		if index := int(sib>>3&7) | extension(6); index != 4 { // the number of the stack pointer means none
			i.index = index
		}
		if sib&7 == 5 && mod == 0 {
			i.base, wide = none, true
		}
	} else if rm == 5 && mod == 0 {
		i.base, wide = next, true
	}
	switch displacement := code[i.length:]; {
	case wide:
		i.distance = int64(int32(binary.LittleEndian.Uint32(displacement)))
		i.length += 4
	case mod == 1:
		i.distance = int64(int8(displacement[0]))
		i.length++
	}
	return i, true
}

// registers are the general registers in the order of their encoding, and the address of the instruction.
type registers struct {
	general [16]uint64
	at      uint64
}

// address returns the address of an instruction's first row in memory, and the bytes from a row to the next.
func (i instruction) address(r *registers) (start, stride uint64) {
	start = uint64(i.distance)
	switch i.base {
	case none:
	case next:
		start += r.at + uint64(i.length)
	default:
		start += r.general[i.base]
	}
	if i.index != none {
		stride = r.general[i.index] << i.scale
	}
	return start, stride
}
