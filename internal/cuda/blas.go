package cuda

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"unsafe"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// blas is an opened cuBLAS with its handle for this device.
type blas struct {
	path      string
	version   int // 10000·major + 100·minor + patch
	handle    uintptr
	product   uintptr // cublasGemmStridedBatchedEx
	status    uintptr // cublasGetStatusName
	workspace kernel.Buffer
	constants *[2]float32 // 0 and 1, which the library reads through pointers
}

// Values from cublas_api.h and library_types.h.
const (
	blasNotTransposed, blasTransposed = 0, 1
	blasFloat32                       = 0 // CUDA_R_32F
	blasDefaultAlgorithm              = 1<<64 - 1
	blasWorkspace                     = 32 << 20 // bytes; cuBLAS recommends this for Hopper
	blasWorth                         = 1 << 24  // multiply-adds from which cuBLAS is used
)

// blasCompute is the cublasComputeType_t for a precision.
var blasCompute = [...]uintptr{
	kernel.Highest: 68, // CUBLAS_COMPUTE_32F
	kernel.High:    77, // CUBLAS_COMPUTE_32F_FAST_TF32
	kernel.Medium:  75, // CUBLAS_COMPUTE_32F_FAST_16BF
}

// blasNames are the libraries to search for, the newest first. cuBLAS needs cuBLASLt, which is in the same folder.
var blasNames = [][2]string{{"libcublasLt.so.13", "libcublas.so.13"}, {"libcublasLt.so.12", "libcublas.so.12"}}

// libraryFolders are the folders to search for CUDA's libraries: those in BESTIARY_CUDA_LIBS, the loader's path (""), those of
// CUDA toolkits, and those of NVIDIA's Python packages.
func libraryFolders() []string {
	folders := append(filepath.SplitList(os.Getenv("BESTIARY_CUDA_LIBS")), "")
	prefixes := []string{os.Getenv("VIRTUAL_ENV"), os.Getenv("CONDA_PREFIX")}
	for _, name := range []string{"python3", "python"} {
		if path, err := exec.LookPath(name); err == nil {
			prefixes = append(prefixes, filepath.Dir(filepath.Dir(path)))
			if path, err = filepath.EvalSymlinks(path); err == nil {
				prefixes = append(prefixes, filepath.Dir(filepath.Dir(path)))
			}
		}
	}
	patterns := []string{"/usr/local/cuda*/lib64", "/usr/local/cuda*/targets/*/lib"}
	for _, prefix := range append(prefixes, "/usr", "/usr/local") {
		if prefix == "" {
			continue
		}
		patterns = append(patterns, filepath.Join(prefix, "lib"))
		for _, packages := range []string{"site-packages", "dist-packages"} {
			patterns = append(patterns, filepath.Join(prefix, "lib", "python3*", packages, "nvidia", "*", "lib"))
		}
	}
	seen := map[string]bool{}
	for _, pattern := range patterns {
		found, _ := filepath.Glob(pattern) // the patterns are well-formed
		for _, folder := range found {
			if !seen[folder] {
				seen[folder] = true
				folders = append(folders, folder)
			}
		}
	}
	return folders
}

// library returns cuBLAS, which it searches for at the first call; nil if there is none.
func (d *Device) library() *blas {
	if d.products.looked {
		return d.products.blas
	}
	d.products.looked = true
	if d.driver.path == givenFunctions {
		return nil // cuBLAS would compute on a real GPU
	}
	folders := libraryFolders()
	for _, names := range blasNames {
		for _, folder := range folders {
			b, err := d.openBlas(filepath.Join(folder, names[0]), filepath.Join(folder, names[1]))
			if err == nil {
				d.products.blas = b
				return b
			}
			if d.products.refused == nil && !errors.Is(err, fs.ErrNotExist) {
				d.products.refused = err
			}
		}
	}
	return nil
}

// Library describes the cuBLAS that computes large products, or says why there is none.
func (d *Device) Library() string {
	b := d.library()
	if b == nil && d.products.refused != nil {
		return fmt.Sprintf("none, our own kernels are used: %v", d.products.refused)
	}
	if b == nil {
		return "none (searched for libcublas.so.13 and .12 in BESTIARY_CUDA_LIBS, the loader's path, /usr/local/cuda*, and nvidia/*/lib of Python environments); our own kernels are used"
	}
	return fmt.Sprintf("cuBLAS %d.%d.%d, %s", b.version/10000, b.version/100%100, b.version%100, b.path)
}

// openBlas opens cuBLAS and creates a handle for this device.
func (d *Device) openBlas(light, path string) (*blas, error) {
	openLibrary(light) // if this fails, opening cuBLAS fails, too
	library, err := openLibrary(path)
	if err != nil {
		return nil, fmt.Errorf("can't open %s: %w", path, err)
	}
	b := &blas{path: path, constants: &[2]float32{0, 1}}
	var create, setStream, setWorkspace, version uintptr
	for _, s := range []struct {
		to   *uintptr
		name string
	}{
		{&create, "cublasCreate_v2"}, {&setStream, "cublasSetStream_v2"}, {&setWorkspace, "cublasSetWorkspace_v2"},
		{&version, "cublasGetVersion_v2"}, {&b.product, "cublasGemmStridedBatchedEx"}, {&b.status, "cublasGetStatusName"},
	} {
		if *s.to, err = findSymbol(library, s.name); err != nil {
			return nil, fmt.Errorf("%s has no %s", path, s.name)
		}
	}
	b.path = fileOf(create, path)
	handle, number := new(uintptr), new(int32)
	if err := d.callBlas(b, "cublasCreate", create, uintptr(unsafe.Pointer(handle))); err != nil {
		return nil, fmt.Errorf("can't use %s: %w", b.path, err)
	}
	b.handle = *handle
	if err := d.callBlas(b, "cublasGetVersion", version, b.handle, uintptr(unsafe.Pointer(number))); err != nil {
		return nil, err
	}
	b.version = int(*number)
	if err := d.callBlas(b, "cublasSetStream", setStream, b.handle, d.stream); err != nil {
		return nil, err
	}
	// With a fixed workspace, results are reproducible, and calls can be captured in a graph.
	b.workspace = d.alloc(blasWorkspace / 4)
	return b, d.callBlas(b, "cublasSetWorkspace", setWorkspace, b.handle, uintptr(b.workspace.Addr), blasWorkspace)
}

// callBlas calls a function of cuBLAS with the device's context current.
//
//go:uintptrescapes
func (d *Device) callBlas(b *blas, name string, f uintptr, args ...uintptr) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if r := d.driver.call(cuCtxSetCurrent, d.context); r != success {
		return d.driver.failure(cuCtxSetCurrent, r)
	}
	if status := int32(invoke(f, args...)); status != 0 {
		text := *(*unsafe.Pointer)(unsafe.Pointer(new(invoke(b.status, uintptr(status)))))
		return &fault.DeviceError{Call: name, Code: int(status), Text: fmt.Sprintf("%s (%d)", cString(text), status)}
	}
	return nil
}

// useLibrary reports whether cuBLAS computes a product. Small ones are left to our kernels, which also apply a bias or an
// activation in the same launch (epilogue).
func (d *Device) useLibrary(g kernel.Gemm) bool {
	const most = 1<<31 - 1
	return g.Batch*g.M*g.N*g.K >= blasWorth && max(g.M, g.N, g.K, g.LdA, g.LdB, g.LdC) <= most && d.library() != nil
}

// libraryProduct is a product for cuBLAS, with the addresses of its operands.
type libraryProduct struct {
	kernel.Gemm
	a, b, c   uint64
	precision kernel.Precision
}

// libraryGemm queues a product for cuBLAS.
func (d *Device) libraryGemm(g kernel.Gemm, a, b, bias, c kernel.Buffer) {
	d.enqueue(call{product: libraryProduct{g, a.Addr, b.Addr, c.Addr, d.products.precision}}, 0)
	if !bias.IsNil() || g.Act != kernel.ActNone {
		d.finishProduct(g, bias, c)
	}
}

// finishProduct adds the bias to a product and applies the activation.
func (d *Device) finishProduct(g kernel.Gemm, bias, c kernel.Buffer) {
	for i := range g.Batch {
		part := skip(c, i*g.StrideC)
		d.launch(function{"products", "finish_product"}, gridFor(g.M*g.N, 4), dim3{threads, 1, 1}, 0,
			part, bias, g.M, g.N, g.LdC, int32(g.Act), float32(g.Slope))
	}
}

// multiply computes a product with cuBLAS, which is column-major: a row-major matrix is its transpose there. So the call
// computes Cᵀ = op(B)ᵀ·op(A)ᵀ.
func (l *blas) multiply(d *Device, p *libraryProduct) error {
	transposition := [...]uintptr{blasNotTransposed, blasTransposed}
	zero, one := uintptr(unsafe.Pointer(&l.constants[0])), uintptr(unsafe.Pointer(&l.constants[1]))
	beta := zero
	if p.Accumulate {
		beta = one
	}
	return d.callBlas(l, "cublasGemmStridedBatchedEx", l.product, l.handle, transposition[flag(p.TransB)], transposition[flag(p.TransA)],
		uintptr(p.N), uintptr(p.M), uintptr(p.K), one,
		uintptr(p.b), blasFloat32, uintptr(p.LdB), uintptr(p.StrideB),
		uintptr(p.a), blasFloat32, uintptr(p.LdA), uintptr(p.StrideA), beta,
		uintptr(p.c), blasFloat32, uintptr(p.LdC), uintptr(p.StrideC), uintptr(p.Batch), blasCompute[p.precision], blasDefaultAlgorithm)
}
