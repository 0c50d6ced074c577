package nn

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

// Checksum returns the CRC-32 of all parameters and buffers as eight hexadecimal digits. It tells modules of equal sizes
// and different weights apart.
func Checksum(m Module) string {
	h := crc32.NewIEEE()
	var word [4]byte
	add := func(v uint32) {
		binary.LittleEndian.PutUint32(word[:], v)
		h.Write(word[:])
	}
	for _, p := range Params(m) {
		if p.Tensor.IsInts() {
			for _, v := range p.Tensor.IntValues() {
				add(uint32(v))
			}
			continue
		}
		for _, v := range p.Tensor.Values() {
			add(math.Float32bits(v))
		}
	}
	return fmt.Sprintf("%08x", h.Sum32())
}
