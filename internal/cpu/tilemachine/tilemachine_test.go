package tilemachine

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"
)

// TestDecode has encodings checked with GNU's disassembler, followed by other bytes.
func TestDecode(t *testing.T) {
	for _, c := range []struct {
		code []byte
		want instruction
	}{
		{[]byte{0xc4, 0xe2, 0x78, 0x49, 0x00}, instruction{operation: ldTileCfg, length: 5, base: 0, index: none}},                      // (rax)
		{[]byte{0xc4, 0xc2, 0x78, 0x49, 0x45, 0x10}, instruction{operation: ldTileCfg, length: 6, base: 13, index: none, distance: 16}}, // 16(r13)
		{[]byte{0xc4, 0xe2, 0x78, 0x49, 0x05, 0x04, 0x03, 0x02, 0x01},
			instruction{operation: ldTileCfg, length: 9, base: next, index: none, distance: 0x01020304}}, // 0x1020304(rip)
		{[]byte{0xc4, 0xe2, 0x79, 0x49, 0x44, 0x24, 0xf8},
			instruction{operation: stTileCfg, length: 7, base: 4, index: none, distance: -8}}, // -8(rsp)
		{[]byte{0xc4, 0xe2, 0x78, 0x49, 0xc0}, instruction{operation: tileRelease, length: 5}},
		{[]byte{0xc4, 0xe2, 0x7b, 0x49, 0xd8}, instruction{operation: tileZero, length: 5, tile: 3}},
		{[]byte{0xc4, 0xa2, 0x7b, 0x4b, 0x24, 0x06}, instruction{operation: tileLoad, length: 6, tile: 4, base: 6, index: 8}}, // (rsi,r8)
		{[]byte{0xc4, 0x82, 0x7b, 0x4b, 0x7c, 0x22, 0x40},
			instruction{operation: tileLoad, length: 7, tile: 7, base: 10, index: 12, distance: 64}}, // 64(r10,r12)
		{[]byte{0xc4, 0xe2, 0x79, 0x4b, 0x54, 0x88, 0x01},
			instruction{operation: tileLoad, length: 7, tile: 2, base: 0, index: 1, scale: 2, distance: 1}}, // TILELOADDT1 1(rax,rcx,4)
		{[]byte{0xc4, 0x82, 0x7a, 0x4b, 0x1c, 0x01}, instruction{operation: tileStore, length: 6, tile: 3, base: 9, index: 8}}, // (r9,r8)
		{[]byte{0xc4, 0xe2, 0x7a, 0x4b, 0x04, 0x25, 0x00, 0x10, 0x00, 0x00},
			instruction{operation: tileStore, length: 10, base: none, index: none, distance: 0x1000}}, // 0x1000
		{[]byte{0xc4, 0xe2, 0x4a, 0x5c, 0xd5}, instruction{operation: tdpBF16PS, length: 5, tile: 2, left: 5, right: 6}},
		{[]byte{0xf0, 0xc4, 0xe2, 0x7a, 0x4b, 0x04, 0x25, 0x00, 0x10, 0x00, 0x00}, // with LOCK, which no assembler takes
			instruction{operation: tileStore, length: 11, base: none, index: none, distance: 0x1000}},
	} {
		code := append(append([]byte{}, c.code...), make([]byte, maxLength)...)
		if got, ok := decode(code); !ok || got != c.want {
			t.Errorf("% x is %+v (%v), want %+v", c.code, got, ok, c.want)
		}
	}
	for name, code := range map[string][]byte{
		"VPADDD":                    {0xc5, 0xf5, 0xfe, 0xc2},
		"TDPBSSD":                   {0xc4, 0xe2, 0x4b, 0x5e, 0xd5},
		"TDPBF16PS with W":          {0xc4, 0xe2, 0xca, 0x5c, 0xd5},
		"TDPBF16PS with tile 8":     {0xc4, 0xc2, 0x4a, 0x5c, 0xd5},
		"TILELOADD without SIB":     {0xc4, 0xe2, 0x7b, 0x4b, 0x20},
		"LDTILECFG with a register": {0xc4, 0xe2, 0x78, 0x49, 0xc1},
	} {
		if got, ok := decode(append(code, make([]byte, maxLength)...)); ok {
			t.Errorf("%s is taken for %+v", name, got)
		}
	}
}

// block is memory that begins at address 0.
type block []byte

func (b block) rows(address, stride uint64, rows [][]byte, move func(memory, row []byte)) error {
	for i, row := range rows {
		at := address + uint64(i)*stride
		if at+uint64(len(row)) > uint64(len(b)) {
			return errors.New("out of memory")
		}
		move(b[at:][:len(row)], row)
	}
	return nil
}

func (b block) Read(address, stride uint64, rows [][]byte) error {
	return b.rows(address, stride, rows, func(memory, row []byte) { copy(row, memory) })
}

func (b block) Write(address, stride uint64, rows [][]byte) error {
	return b.rows(address, stride, rows, func(memory, row []byte) { copy(memory, row) })
}

// configuration has eight tiles of the given rows and bytes a row.
func configuration(rows, bytes byte) []byte {
	config := make([]byte, 64)
	config[0] = 1
	for tile := range tiles {
		config[16+2*tile], config[48+tile] = bytes, rows
	}
	return config
}

func TestConfigurationsThatAProcessorRefuses(t *testing.T) {
	for name, change := range map[string]func(config []byte){
		"palette":      func(config []byte) { config[0] = 2 },
		"reserved":     func(config []byte) { config[7] = 1 },
		"tile 8":       func(config []byte) { config[32], config[56] = 64, 16 },
		"17 rows":      func(config []byte) { config[48] = 17 },
		"68 bytes":     func(config []byte) { config[18] = 68 },
		"rows missing": func(config []byte) { config[50] = 0 },
	} {
		config := configuration(16, 64)
		change(config)
		var s state
		if err := s.configure(config); err == nil || !strings.Contains(err.Error(), "#GP") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMisuse(t *testing.T) {
	memory := block(append(configuration(16, 64), make([]byte, 4096)...))
	var r registers
	config, release := instruction{operation: ldTileCfg, base: none, index: none}, instruction{operation: tileRelease}
	product := func(c, a, b int) instruction { return instruction{operation: tdpBF16PS, tile: c, left: a, right: b} }
	for name, program := range map[string][]instruction{
		"not configured":   {{operation: tileZero}},
		"released":         {config, release, {operation: tileZero}},
		"configured twice": {config, config},
		"same operands":    {config, product(0, 1, 1)},
		"beyond memory":    {config, {operation: tileLoad, base: none, index: 3, distance: 4128}},
	} {
		var s state
		var err error
		for i, step := range program {
			if err != nil {
				t.Fatalf("%s: step %d: %v", name, i-1, err)
			}
			err = s.execute(step, &r, memory)
		}
		if err == nil {
			t.Errorf("%s: not refused", name)
		}
	}
	var s state
	narrow := configuration(16, 64)
	narrow[48+5] = 15
	if err := s.configure(narrow); err != nil {
		t.Fatal(err)
	}
	if err := s.execute(product(0, 1, 5), &r, memory); err == nil {
		t.Error("a product of 16 pairs and 15 rows is not refused")
	}
}

// TestProduct has sums that depend on the order of additions, roundings to even, and numbers that count as zero.
func TestProduct(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		a, b  [4]float32 // two pairs
		c     float32
		want  float32
		about string
	}{
		{[4]float32{1, 2, 3, 4}, [4]float32{5, 6, 7, 8}, 0.5, 70.5, "a sum"},
		{[4]float32{1, 1, 0x1p-24, 0}, [4]float32{1, 0, 1, 0}, 0, 1, "a tie, to even"},
		{[4]float32{1, 0x1p-24, 0x1p-24, 0}, [4]float32{1, 1, 1, 0}, 0, 1, "first and second numbers are summed apart"},
		{[4]float32{0x1p-24, 0x1p-24, 0, 0}, [4]float32{1, 1, 0, 0}, 1, 1 + 0x1p-23, "and added to what is there together"},
		{[4]float32{0x1p-130, 0, 0, 0}, [4]float32{0x1p127, 0, 0, 0}, 0, 0, "an operand too small"},
		{[4]float32{0x1p-100, 0, 0, 0}, [4]float32{0x1p-30, 0, 0, 0}, 0, 0, "a product too small"},
		{[4]float32{0, 0, 0, 0}, [4]float32{0, 0, 0, 0}, 0x1p-130, 0, "a number that is there too small"},
		{[4]float32{inf, 1, 1, 1}, [4]float32{-1, 1, 1, 1}, 0, -inf, "an infinity"},
		{[4]float32{inf, 0, 0, 0}, [4]float32{0, 0, 0, 0}, 0, nan, "no number"},
	} {
		memory := block(make([]byte, 256))
		copy(memory, configuration(1, 8)) // all tiles are 1×2, but for
		memory[48+2], memory[16+2*2], memory[16] = 2, 4, 4
		for k := range 4 {
			binary.LittleEndian.PutUint16(memory[64+2*k:], uint16(math.Float32bits(c.a[k])>>16))
			binary.LittleEndian.PutUint16(memory[128+2*k:], uint16(math.Float32bits(c.b[k])>>16))
		}
		binary.LittleEndian.PutUint32(memory[192:], math.Float32bits(c.c))
		var s state
		r := registers{general: [16]uint64{0, 4}}
		load := func(tile int, at int64) instruction {
			return instruction{operation: tileLoad, tile: tile, base: none, index: 1, distance: at}
		}
		for _, step := range []instruction{
			{operation: ldTileCfg, base: none, index: none}, load(0, 192), load(1, 64), load(2, 128),
			{operation: tdpBF16PS, tile: 0, left: 1, right: 2},
			{operation: tileStore, tile: 0, base: none, index: 1, distance: 200}, {operation: tileRelease},
		} {
			if err := s.execute(step, &r, memory); err != nil {
				t.Fatalf("%s: %v", c.about, err)
			}
		}
		if got := math.Float32frombits(binary.LittleEndian.Uint32(memory[200:])); got != c.want && (got == got || c.want == c.want) {
			t.Errorf("%s: %g, want %g", c.about, got, c.want)
		}
	}
}
