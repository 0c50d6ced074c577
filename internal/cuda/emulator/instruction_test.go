package emulator

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

const (
	nan      = 0x7fffffff
	infinite = 0x7f800000
)

func bitsOf(f float32) uint32 { return math.Float32bits(f) }

// TestInstructions checks corner cases of the PTX ISA. The operands are %r10, %r11 and %r12; the result is %r20.
func TestInstructions(t *testing.T) {
	one, tiny := bitsOf(1), uint32(1) // the smallest subnormal number
	for _, c := range []struct {
		text    string
		x, y, z uint32
		want    uint32
	}{
		// rounding once: the sum or product is a tie, except for digits below those of float64
		{"fma.rn.f32 %f20, %f10, %f11, %f12", bitsOf(1 + 0x1p-12), bitsOf(1 + 0x1p-12), bitsOf(0x1p-60), bitsOf(1 + 0x1p-11 + 0x1p-23)},
		{"fma.rn.f32 %f20, %f10, %f11, %f12", bitsOf(1 + 0x1p-12), bitsOf(1 + 0x1p-12), bitsOf(-0x1p-60), bitsOf(1 + 0x1p-11)},
		{"fma.rm.f32 %f20, %f10, %f11, %f12", one, one, bitsOf(-0x1p-100), bitsOf(1 - 0x1p-24)},
		{"fma.rm.f32 %f20, %f10, %f11, %f12", one, one, bitsOf(0x1p-100), one},
		{"add.rz.f32 %f20, %f10, %f11", one, bitsOf(-0x1p-100), 0, bitsOf(1 - 0x1p-24)},
		{"add.rz.f32 %f20, %f10, %f11", bitsOf(-1), bitsOf(-0x1p-24), 0, bitsOf(-1)},
		{"add.rp.f32 %f20, %f10, %f11", one, bitsOf(0x1p-100), 0, bitsOf(1 + 0x1p-23)},
		{"add.f32 %f20, %f10, %f11", tiny, tiny, 0, 2},
		{"add.f32 %f20, %f10, %f11", infinite, infinite | 1<<31, 0, nan},
		{"mul.f32 %f20, %f10, %f11", infinite, 0, 0, nan},
		// NaN and signs
		{"max.f32 %f20, %f10, %f11", 0x7fc00001, one, 0, one},
		{"max.f32 %f20, %f10, %f11", 0x7fc00001, 0xffc00000, 0, nan},
		{"max.NaN.f32 %f20, %f10, %f11", one, 0xffc00000, 0, nan},
		{"max.f32 %f20, %f10, %f11", 1 << 31, 0, 0, 0},
		{"min.f32 %f20, %f10, %f11", 0, 1 << 31, 0, 1 << 31},
		{"neg.f32 %f20, %f10", 0, 0, 0, 1 << 31},
		{"copysign.f32 %f20, %f10, %f11", 1 << 31, one, 0, bitsOf(-1)},
		{"setp.lt.f32 %p6, %f10, %f11", nan, one, 0, 0}, {"setp.ltu.f32 %p6, %f10, %f11", nan, one, 0, 1},
		{"setp.ne.f32 %p6, %f10, %f11", nan, one, 0, 0}, {"setp.neu.f32 %p6, %f10, %f11", nan, one, 0, 1},
		{"setp.num.f32 %p6, %f10, %f11", nan, one, 0, 0}, {"setp.nan.f32 %p6, %f10, %f11", nan, one, 0, 1},
		{"setp.eq.f32 %p6, %f10, %f11", 0, 1 << 31, 0, 1},
		{"setp.lt.s32 %p6, %r10, %r11", ^uint32(0), 0, 0, 1}, {"setp.lt.u32 %p6, %r10, %r11", ^uint32(0), 0, 0, 0},
		// approximations, where they are exact
		{"ex2.approx.ftz.f32 %f20, %f10", tiny, 0, 0, one}, {"ex2.approx.ftz.f32 %f20, %f10", bitsOf(-127), 0, 0, 0},
		{"rcp.approx.ftz.f32 %f20, %f10", tiny | 1<<31, 0, 0, infinite | 1<<31}, {"rcp.approx.ftz.f32 %f20, %f10", bitsOf(0x1p127), 0, 0, 0},
		{"ex2.approx.ftz.f32 %f20, %f10", infinite | 1<<31, 0, 0, 0}, {"rcp.approx.ftz.f32 %f20, %f10", infinite | 1<<31, 0, 0, 1 << 31},
		// conversions
		{"cvt.rni.s32.f32 %r20, %f10", bitsOf(2.5), 0, 0, 2}, {"cvt.rzi.s32.f32 %r20, %f10", bitsOf(-2.5), 0, 0, ^uint32(1)},
		{"cvt.rmi.s32.f32 %r20, %f10", bitsOf(-2.5), 0, 0, ^uint32(2)}, {"cvt.rpi.u32.f32 %r20, %f10", bitsOf(2.5), 0, 0, 3},
		{"cvt.rzi.s32.f32 %r20, %f10", bitsOf(3e9), 0, 0, math.MaxInt32}, {"cvt.rzi.s32.f32 %r20, %f10", bitsOf(-3e9), 0, 0, 1 << 31},
		{"cvt.rzi.u32.f32 %r20, %f10", bitsOf(-3), 0, 0, 0}, {"cvt.rzi.u32.f32 %r20, %f10", bitsOf(5e9), 0, 0, math.MaxUint32},
		{"cvt.rzi.s32.f32 %r20, %f10", nan, 0, 0, 0},
		{"cvt.rzi.s64.f32 %rd9, %f10;\n shr.u64 %rd9, %rd9, 32;\n cvt.u32.u64 %r20, %rd9", nan, 0, 0, 1 << 31},
		{"cvt.rn.f32.s32 %f20, %r10", ^uint32(0), 0, 0, bitsOf(-1)}, {"cvt.rn.f32.u32 %f20, %r10", 1<<24 + 1, 0, 0, bitsOf(1 << 24)},
		{"cvt.sat.f32.f32 %f20, %f10", nan, 0, 0, 0}, {"cvt.sat.f32.f32 %f20, %f10", bitsOf(-2), 0, 0, 0}, {"cvt.sat.f32.f32 %f20, %f10", bitsOf(2), 0, 0, one},
		{"cvt.rna.tf32.f32 %r20, %f10", 0x3f801000, 0, 0, 0x3f802000}, {"cvt.rna.tf32.f32 %r20, %f10", 0xbf801000, 0, 0, 0xbf802000},
		{"cvt.rna.tf32.f32 %r20, %f10", 0x3f800fff, 0, 0, one}, {"cvt.rna.tf32.f32 %r20, %f10", 0x7f7fffff, 0, 0, infinite},
		{"cvt.rn.bf16x2.f32 %r20, %f10, %f11", one, 0x40408000, 0, 0x3f804040}, // the first operand is the upper half; ties to even
		{"cvt.rn.bf16x2.f32 %r20, %f10, %f11", 0x7f800001, 0x40418000, 0, 0x7fff4042},
		{"cvt.s64.s32 %rd9, %r10;\n shr.u64 %rd9, %rd9, 32;\n cvt.u32.u64 %r20, %rd9", 1 << 31, 0, 0, math.MaxUint32},
		{"cvt.u64.u32 %rd9, %r10;\n shr.u64 %rd9, %rd9, 32;\n cvt.u32.u64 %r20, %rd9", 1 << 31, 0, 0, 0},
		// integers
		{"mul.hi.u32 %r20, %r10, %r11", 1 << 31, 6, 0, 3}, {"mul.hi.s32 %r20, %r10, %r11", 1 << 31, 6, 0, ^uint32(2)},
		{"mad.lo.s32 %r20, %r10, %r11, %r12", 7, ^uint32(0), 9, 2}, {"abs.s32 %r20, %r10", 5, 0, 0, 5}, {"abs.s32 %r20, %r10", ^uint32(4), 0, 0, 5},
		{"mul.wide.s32 %rd9, %r10, %r11;\n shr.u64 %rd9, %rd9, 32;\n cvt.u32.u64 %r20, %rd9", ^uint32(0), 2, 0, math.MaxUint32},
		{"mul.wide.u32 %rd9, %r10, %r11;\n shr.u64 %rd9, %rd9, 32;\n cvt.u32.u64 %r20, %rd9", ^uint32(0), 2, 0, 1},
		{"div.s32 %r20, %r10, %r11", ^uint32(6), 2, 0, ^uint32(2)}, {"rem.s32 %r20, %r10, %r11", ^uint32(6), 2, 0, ^uint32(0)},
		{"shl.b32 %r20, %r10, %r11", 1, 32, 0, 0}, {"shr.u32 %r20, %r10, %r11", 1 << 31, 33, 0, 0}, {"shr.s32 %r20, %r10, %r11", 1 << 31, 33, 0, math.MaxUint32},
		{"shf.l.wrap.b32 %r20, %r10, %r11, %r12", 1 << 31, 2, 33, 5}, {"shf.r.clamp.b32 %r20, %r10, %r11, %r12", 1, 2, 33, 2},
		{"bfe.u32 %r20, %r10, %r11, %r12", 0xabcdef12, 8, 12, 0xdef}, {"bfe.s32 %r20, %r10, %r11, %r12", 0xabcdef12, 28, 12, 0xfffffffa},
		{"bfi.b32 %r20, %r10, %r11, %r12, 8", 0x1ff, 0, 4, 0xff0}, {"prmt.b32 %r20, %r10, %r11, %r12", 0x80020304, 5, 0xb430, 0xff058004},
		{"popc.b32 %r20, %r10", 0xf0f, 0, 0, 8}, {"clz.b32 %r20, %r10", 1, 0, 0, 31}, {"brev.b32 %r20, %r10", 1, 0, 0, 1 << 31},
		{"lop3.b32 %r20, %r10, %r11, %r12, 202", 0xff00, 0x1234, 0x5678, 0x1278}, // x ? y : z
	} {
		body := ""
		for i := range 3 {
			body += fmt.Sprintf("mov.b32 %%f1%d, %%r1%d;\n", i, i)
		}
		body += c.text + ";\n"
		switch {
		case strings.Contains(c.text, "%f20"):
			body += "mov.b32 %r20, %f20;\n"
		case strings.Contains(c.text, "%p6"):
			body += "selp.u32 %r20, 1, 0, %p6;\n"
		}
		if got := perLane(t, [][10]uint32{{c.x, c.y, c.z}}, 1, body)[0][0]; got != c.want {
			t.Errorf("%s of %#x, %#x, %#x is %#x, want %#x", c.text, c.x, c.y, c.z, got, c.want)
		}
	}
}

// TestUnknown checks that unsupported instructions are errors.
func TestUnknown(t *testing.T) {
	for _, text := range []string{
		"add.cc.u32 %r8, %r9, %r10", "add.ftz.f32 %f1, %f2, %f3", "mov.u32 %r8, %clock", "bar.sync 1", "bar.sync 0, 64", "cvt.rz.f32.f64 %f1, %rd2",
		"mul.f16 %r8, %r9, %r9", "atom.global.add.f32 %f1, [%rd1], %f2", "ex2.approx.f32 %f1, %f2", "ld.volatile.global.u32 %r8, [%rd1]",
	} {
		_, err := Parse(".visible .entry k()\n{\n.reg .b32 %r<19>;\n.reg .f32 %f<9>;\n.reg .b64 %rd<9>;\n" + text + ";\nret;\n}\n")
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
