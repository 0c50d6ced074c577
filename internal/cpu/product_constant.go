package cpu

// constants are transformed weights that are kept, as their weights don't change: those of models that only answer.
type constants struct {
	kept map[constant][]float32
	size int // of all, in numbers
}

// constant names what a way of computing makes of weights.
type constant struct {
	weights uint64
	filtering
	transposed bool
}

// mostConstants is the number of numbers that are kept: 256 MB.
const mostConstants = 64 << 20

// winogradRoom returns room for so many transformed weights of j, and whether they are in it already.
func (p *products) winogradRoom(j *winogradJob, size int) (room []float32, kept bool) {
	key := constant{j.constant, j.filtering, j.transposed}
	if room, kept = p.constants.kept[key]; kept {
		return room, true
	}
	if j.constant == 0 || p.constants.size+size > mostConstants {
		return aligned(&p.transformed, size), false
	}
	var fresh []float32
	room = aligned(&fresh, size)
	if p.constants.kept == nil {
		p.constants.kept = map[constant][]float32{}
	}
	p.constants.kept[key] = room
	p.constants.size += size
	return room, false
}
