package cuda

import (
	"embed"
	"fmt"
	"math"
	"strings"
	"unsafe"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/cuda/ptx"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

//go:embed kernels/*.ptx
var compiled embed.FS

// function names a kernel: its file, without extension, and its C name. Kernel attend_rows of file attention is in
// attention.cu.
type function struct{ file, name string }

// dim3 is the size of a grid or a block.
type dim3 = [3]uint32

// module is a loaded file of kernels.
type module struct {
	handle uintptr
	params map[string][]int // sizes of the parameters of each kernel
}

type loadedFunction struct {
	function
	handle  uintptr
	params  []int     // size of each parameter in bytes
	offsets []uintptr // of each parameter in the memory for a launch's parameters
	size    int       // of that memory
	shared  uint32    // dynamic shared memory that the driver allows, in bytes
}

// raw is an argument that is a C struct.
type raw struct {
	data unsafe.Pointer
	size uintptr
}

// structArg passes *v by value. It must have the layout of the kernel's struct; see TestSharedStructs.
func structArg[T any](v *T) raw { return raw{unsafe.Pointer(v), unsafe.Sizeof(*v)} }

// maxGrid is the largest size of a grid in its second and third dimension; tests lower it, so that launches are split.
var maxGrid = 65535

// launch queues a kernel. A kernel.Buffer is passed as a pointer (null if it is nil), an int as long long, a struct by
// structArg, and other numbers as they are. launch panics if the number or the sizes of the arguments are not those of the
// kernel's parameters. It does nothing if the grid or the block is empty.
func (d *Device) launch(f function, grid, block dim3, shared uint32, args ...any) {
	if min(grid[0], grid[1], grid[2], block[0], block[1], block[2]) == 0 {
		return
	}
	if most := max(grid[1], grid[2]); most > 65535 {
		panic(&fault.DeviceError{Call: "cuLaunchKernel of " + f.name, Text: fmt.Sprintf("the batch, the heads or the groups need a grid of %d blocks; a GPU allows 65535", most)})
	}
	k, ok := d.loaded[f]
	if !ok {
		k = d.load(f)
	}
	if len(args) != len(k.params) {
		panic(fmt.Sprintf("cuda: kernel %s.%s has %d parameters, not %d", f.file, f.name, len(k.params), len(args)))
	}
	if shared > k.shared {
		d.allowShared(k, shared)
	}
	values := d.enqueue(call{kernel: k, grid: grid, block: block, shared: shared}, k.size)
	for i, arg := range args {
		slot, size := unsafe.Pointer(&values[k.offsets[i]]), 0
		switch v := arg.(type) {
		case kernel.Buffer:
			*(*uint64)(slot), size = v.Addr, 8
		case int:
			*(*int64)(slot), size = int64(v), 8
		case int64:
			*(*int64)(slot), size = v, 8
		case uint64:
			*(*uint64)(slot), size = v, 8
		case float64:
			*(*float64)(slot), size = v, 8
		case int32:
			*(*int32)(slot), size = v, 4
		case uint32:
			*(*uint32)(slot), size = v, 4
		case float32:
			*(*float32)(slot), size = v, 4
		case raw:
			size = min(int(v.size), k.params[i])
			copy(values[k.offsets[i]:], unsafe.Slice((*byte)(v.data), size))
			size = int(v.size)
		}
		if size != k.params[i] {
			panic(fmt.Sprintf("cuda: parameter %d of kernel %s.%s has %d bytes, not %d", i, f.file, f.name, k.params[i], size))
		}
	}
}

// allowShared raises the dynamic shared memory that the driver allows for a kernel; 48 KiB are always allowed.
func (d *Device) allowShared(k *loadedFunction, shared uint32) {
	const maxDynamicSharedSize = 8
	if shared > 48<<10 {
		d.must(cuFuncSetAttribute, k.handle, maxDynamicSharedSize, uintptr(shared))
	}
	k.shared = shared
}

// load finds a kernel. It loads the kernel's module at first use.
func (d *Device) load(f function) *loadedFunction {
	m, ok := d.modules[f.file]
	if !ok {
		m = d.loadModule(f.file)
		d.modules[f.file] = m
	}
	params, ok := m.params[f.name]
	if !ok {
		panic(fmt.Sprintf("cuda: no kernel %s in %s.ptx", f.name, f.file))
	}
	k, name := &loadedFunction{function: f, params: params}, append([]byte(f.name), 0)
	for _, size := range params {
		k.offsets = append(k.offsets, uintptr(k.size))
		k.size += (max(size, 8) + 15) &^ 15 // room for any number, even one of the wrong size
	}
	d.must(cuModuleGetFunction, uintptr(unsafe.Pointer(&k.handle)), m.handle, uintptr(unsafe.Pointer(&name[0])))
	d.loaded[f] = k
	return k
}

// loadModule loads a file of kernels. The driver compiles it for this GPU, and keeps the result in a cache on disk.
func (d *Device) loadModule(file string) *module {
	text, err := compiled.ReadFile("kernels/" + file + ".ptx")
	if err != nil {
		panic(fmt.Sprintf("cuda: %v", err))
	}
	entries, err := ptx.Entries(string(text))
	if err != nil {
		panic(fmt.Sprintf("cuda: %s.ptx: %v", file, err))
	}
	m := &module{params: map[string][]int{}}
	for _, e := range entries {
		m.params[e.Name] = e.Params
	}
	const jitErrorLog, jitErrorLogSize = 5, 6
	text, options := append(text, 0), &[2]int32{jitErrorLog, jitErrorLogSize}
	// The list of values points to the log. Both are in one heap object: Go doesn't see the uintptr as a pointer, so a separate
	// log could be on the stack, which moves.
	jit := new(struct {
		values [2]uintptr
		log    [4096]byte
	})
	jit.values = [2]uintptr{uintptr(unsafe.Pointer(&jit.log)), uintptr(len(jit.log))}
	r := d.call(cuModuleLoadDataEx, uintptr(unsafe.Pointer(&m.handle)), uintptr(unsafe.Pointer(&text[0])),
		uintptr(len(options)), uintptr(unsafe.Pointer(options)), uintptr(unsafe.Pointer(&jit.values)))
	if r != success {
		message := d.driver.describe(r)
		if log := strings.Fields(cString(unsafe.Pointer(&jit.log))); len(log) > 0 {
			message += ": " + strings.Join(log, " ")
		}
		if r == noCompiler {
			message += "; install the libnvidia-ptxjitcompiler.so.1 of the driver at " + d.driver.path
		}
		panic(&fault.DeviceError{Call: fmt.Sprintf("%s of %s.ptx for %s", symbolNames[cuModuleLoadDataEx], file, d.info.Name), Code: int(r), Text: message})
	}
	return m
}

// threads is the number of threads of a block, for kernels that treat elements alike.
const threads = 256

// mostBlocks is the largest number of blocks of a grid; tests lower it, so that kernels loop.
var mostBlocks = math.MaxInt32

// gridFor returns a grid that covers n elements, perThread for each thread, with at most mostBlocks blocks; kernels loop
// over the rest.
func gridFor(n, perThread int) dim3 {
	per := threads * perThread
	return dim3{uint32(min((n+per-1)/per, mostBlocks)), 1, 1}
}

// blocksOf is a grid of n blocks, at most mostBlocks; kernels loop over the rest.
func blocksOf(n int) dim3 { return dim3{uint32(min(n, mostBlocks)), 1, 1} }

// blockFor is a block of whole warps for n elements, with at least one warp and at most most threads.
func blockFor(n, most int) dim3 { return dim3{uint32(max(32, min((n+31)/32*32, most))), 1, 1} }
