package neon

import "fmt"

// Size is the number of bytes that a load or store moves, as a power of two.
type Size int

const (
	Single Size = 2 // one float32; a load clears the other lanes
	Double Size = 3 // two
	Quad   Size = 4 // four
)

func (s Size) letter() byte { return " sdq"[s-1] }

// opcode has the bits that say how much a load or store with an offset moves.
func (s Size) opcode() uint32 {
	return map[Size]uint32{Single: 0xbd000000, Double: 0xfd000000, Quad: 0x3d800000}[s]
}

// loading is the bit that makes a store a load.
const loading = 1 << 22

// Load reads the memory at the address in register base, plus offset bytes: a multiple of the size, not negative.
func Load(size Size, to, base, offset int) Word {
	return access("ldr", loading, size, to, base, offset)
}

// Store is the opposite of Load.
func Store(size Size, from, base, offset int) Word { return access("str", 0, size, from, base, offset) }

func access(mnemonic string, bits uint32, size Size, v, base, offset int) Word {
	scaled := offset >> size
	if offset != scaled<<size || scaled < 0 || scaled >= 1<<12 {
		panic(fmt.Sprintf("neon: no %s of %d bytes has the offset %d", mnemonic, 1<<size, offset))
	}
	return Word{size.opcode() | bits | uint32(scaled)<<10 | fields(v, base),
		fmt.Sprintf("%s %c%d, [x%d, #%d]", mnemonic, size.letter(), v, base, offset)}
}

// LoadIndexed reads the memory at the sum of two registers.
func LoadIndexed(size Size, to, base, index int) Word {
	code := size.opcode()&^(1<<24) | loading | 0x00206800
	return Word{code | uint32(index)<<16 | fields(to, base), fmt.Sprintf("ldr %c%d, [x%d, x%d]", size.letter(), to, base, index)}
}

// LoadPair reads 32 bytes; the offset is a multiple of 16.
func LoadPair(to, to2, base, offset int) Word { return pair("ldp", loading, to, to2, base, offset) }

// StorePair is the opposite of LoadPair.
func StorePair(from, from2, base, offset int) Word { return pair("stp", 0, from, from2, base, offset) }

func pair(mnemonic string, bits uint32, v, v2, base, offset int) Word {
	scaled := offset >> 4
	if offset != scaled<<4 || scaled < -64 || scaled >= 64 {
		panic(fmt.Sprintf("neon: no %s has the offset %d", mnemonic, offset))
	}
	return Word{0xad000000 | bits | uint32(scaled&0x7f)<<15 | uint32(v2)<<10 | fields(v, base),
		fmt.Sprintf("%s q%d, q%d, [x%d, #%d]", mnemonic, v, v2, base, offset)}
}
