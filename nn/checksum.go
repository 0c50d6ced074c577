package nn

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

// Checksum tells modules of the same sizes with other parameters apart: eight hexadecimal digits, the CRC-32 of all values.
func Checksum(m Module) string {
	h := crc32.NewIEEE()
	var word [4]byte
	for _, p := range Params(m) {
		for _, v := range p.Tensor.Values() {
			binary.LittleEndian.PutUint32(word[:], math.Float32bits(v))
			h.Write(word[:])
		}
	}
	return fmt.Sprintf("%08x", h.Sum32())
}
