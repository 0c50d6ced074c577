package emulator

import (
	"encoding/binary"
	"strings"
	"testing"
)

// kernelOf wraps statements in a kernel with pointers x and y (%rd1, %rd2), the thread's number in %r1, the block's number in
// %r2, and 256 bytes of shared memory, tile.
func kernelOf(t *testing.T, body string) *Kernel {
	t.Helper()
	kernels, err := Parse(`
.version 7.8
.target sm_80
.address_size 64
.visible .entry k(.param .u64 k_param_0, .param .u64 k_param_1)
{
	.reg .pred %p<9>;
	.reg .f32 %f<29>;
	.reg .b32 %r<39>;
	.reg .b64 %rd<19>;
	.shared .align 16 .b8 tile[256];
	ld.param.u64 %rd1, [k_param_0];
	ld.param.u64 %rd2, [k_param_1];
	mov.u32 %r1, %tid.x;
	mov.u32 %r2, %ctaid.x;
	mov.u32 %r3, tile;
	shl.b32 %r4, %r1, 2;
	add.s32 %r5, %r3, %r4;
	xor.b32 %r6, %r4, 4;
	add.s32 %r7, %r3, %r6;
	mul.wide.u32 %rd3, %r1, 4;
	add.s64 %rd4, %rd1, %rd3;
	add.s64 %rd5, %rd2, %rd3;
	setp.eq.s32 %p1, %r1, 0;
	setp.lt.s32 %p2, %r1, 32;
	setp.eq.s32 %p3, %r2, 0;
	setp.eq.s32 %p5, %r1, 32;
	mul.wide.u32 %rd6, %r2, 4;
	add.s64 %rd7, %rd2, %rd6;
	xor.b64 %rd6, %rd6, 4;
	add.s64 %rd8, %rd2, %rd6;
` + body + `
	ret;
}
`)
	if err != nil {
		t.Fatal(err)
	}
	return kernels["k"]
}

// launchOf launches the kernel of statements with x and y.
func launchOf(t *testing.T, m *Machine, body string, blocks, threads uint32, x, y uint64) error {
	t.Helper()
	params := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, x), y)
	return m.Launch(kernelOf(t, body), [3]uint32{blocks, 1, 1}, [3]uint32{threads, 1, 1}, 0, params)
}

// TestFaults runs small correct kernels, and kernels with a fault that a GPU may not notice. x has 64 initialised words, y 64
// uninitialised ones.
func TestFaults(t *testing.T) {
	const storeShared, loadOther = "st.shared.u32 [%r5], %r1;\n", "ld.shared.u32 %r8, [%r7];\n"
	const ready = storeShared + "bar.sync 0;\n"
	// Thread 32 of each block writes a number. Thread 0 counts the blocks that have written; in the last one, it reads the number of
	// the other block.
	const leave, fence, barrier = "@%p5 st.global.u32 [%rd7], %r2;\n", "membar.gl;\n", "bar.sync 0;\n"
	const count = "mov.u32 %r8, 0;\n @%p1 atom.global.add.u32 %r8, [%rd1], 1;\n setp.ne.s32 %p4, %r8, 0;\n"
	const gather = "@%p4 ld.global.cg.u32 %r9, [%rd8];\n"
	const copyIn = "cp.async.ca.shared.global [%r5], [%rd4], 4;\n cp.async.commit_group;\n"
	const later = "cp.async.ca.shared.global [%r5+128], [%rd4], 4;\n cp.async.commit_group;\n"
	for name, c := range map[string]struct {
		blocks, threads uint32
		body, want      string // "" for no fault
	}{
		"threads exchange":            {1, 64, storeShared + "bar.sync 0;\n" + loadOther, ""},
		"lanes exchange":              {1, 32, storeShared + "bar.warp.sync -1;\n" + loadOther, ""},
		"copies are waited for":       {1, 64, copyIn + "cp.async.wait_group 0;\n bar.sync 0;\n" + loadOther, ""},
		"own copy without barrier":    {1, 64, copyIn + "cp.async.wait_all;\n ld.shared.u32 %r8, [%r5];\n", ""},
		"older copies are waited for": {1, 32, copyIn + later + "cp.async.wait_group 1;\n ld.shared.u32 %r8, [%r5];\n", ""},
		"the newer are not":           {1, 32, copyIn + later + "cp.async.wait_group 1;\n ld.shared.u32 %r8, [%r5+128];\n", "not been waited for"},
		"blocks tell each other":      {2, 64, leave + fence + barrier + count + fence + gather, ""},
		"threads write in turn":       {2, 64, "@%p3 st.global.u32 [%rd5], %r1;\n", ""},

		"no barrier":                   {1, 64, ready + storeShared + loadOther, "without a barrier in between"},
		"lockstep":                     {1, 32, ready + storeShared + loadOther, "without a barrier in between"},
		"a shuffle is no barrier":      {1, 32, storeShared + "shfl.sync.bfly.b32 %r9, %r1, 1, 31, -1;\n" + loadOther, "without a barrier in between"},
		"a warp's barrier for a block": {1, 64, storeShared + "bar.warp.sync -1;\n xor.b32 %r6, %r4, 128;\n add.s32 %r7, %r3, %r6;\n" + loadOther, "without a barrier in between"},
		"a reader in between":          {1, 32, "@%p1 st.shared.u32 [%r3], %r1;\n bar.warp.sync -1;\n ld.shared.u32 %r8, [%r3];\n @%p1 st.shared.u32 [%r3], %r1;\n", "the first has read, the second writes"},
		"copies without waiting":       {1, 64, copyIn + "bar.sync 0;\n" + loadOther, "not been waited for"},
		"copies without a barrier":     {1, 64, ready + copyIn + "cp.async.wait_group 0;\n" + loadOther, "without a barrier in between"},

		"shared memory not written": {1, 32, loadOther, "never written"},
		"global memory not written": {1, 32, "ld.global.u32 %r8, [%rd5];\n", "never written"},
		"behind the end":            {1, 64, "ld.global.u32 %r8, [%rd4+4];\n", "not allocated"},
		"before the begin":          {1, 64, "ld.global.u32 %r8, [%rd4+-4];\n", "not allocated"},
		"behind shared memory":      {1, 64, "st.shared.u32 [%r5+4], %r1;\n", "of 256 bytes of shared memory"},
		"not aligned":               {1, 32, "ld.global.v2.u32 {%r8, %r9}, [%rd4];\n", "not aligned"},
		"behind the parameters":     {1, 1, "ld.param.u64 %rd9, [k_param_1+8];\n", "of the parameters"},

		"a barrier for some":        {1, 64, "@%p2 bar.sync 0;\n", "wait for each other"},
		"different barriers":        {1, 64, "@%p2 bra $L1;\n bar.sync 0;\n bra $L2;\n$L1:\n bar.sync 0;\n$L2:\n mov.u32 %r8, 0;\n", "different barriers"},
		"a shuffle without a lane":  {1, 32, "@!%p1 shfl.sync.bfly.b32 %r9, %r1, 1, 31, -1;\n", "wait for each other"},
		"a shuffle of half a warp":  {1, 16, "shfl.sync.bfly.b32 %r9, %r1, 1, 31, -1;\n", "without all of its 32 lanes"},
		"a shuffle of fewer lanes":  {1, 32, "shfl.sync.bfly.b32 %r9, %r1, 1, 31, 65535;\n", "not all 32"},
		"two blocks write":          {2, 64, "st.global.u32 [%rd5], %r1;\n", "another block has written"},
		"one writes, one reads":     {2, 64, "@%p3 st.global.u32 [%rd4], %r1;\n @!%p3 ld.global.u32 %r8, [%rd4];\n", "another block"},
		"writes what is constant":   {1, 32, "ld.global.nc.u32 %r8, [%rd4];\n st.global.u32 [%rd4], %r8;\n", "reads through the read-only cache"},
		"reads as constant":         {1, 32, "st.global.u32 [%rd5], %r1;\n ld.global.nc.u32 %r8, [%rd5];\n", "this launch has written"},
		"no fence before telling":   {2, 64, leave + barrier + count + fence + gather, "another block has written"},
		"no fence before reading":   {2, 64, leave + fence + barrier + count + gather, "another block has written"},
		"no barrier before telling": {2, 64, leave + fence + count + fence + gather, "another block has written"},
		"nothing told":              {2, 64, leave + fence + barrier + "setp.eq.s32 %p4, %r1, 0;\n" + fence + gather, "never written"},
	} {
		t.Run(name, func(t *testing.T) {
			m := &Machine{}
			x, y := m.Alloc(256), m.Alloc(256)
			clear(m.Written(x, 256))
			err := launchOf(t, m, c.body, c.blocks, c.threads, x, y)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
