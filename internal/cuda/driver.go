package cuda

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/bestiary-ml/bestiary/fault"
)

// symbol is a function of the driver's interface, by its place in symbolNames.
type symbol int

const (
	cuInit symbol = iota
	cuDriverGetVersion
	cuDeviceGetCount
	cuDeviceGet
	cuDeviceGetName
	cuDeviceGetAttribute
	cuDeviceTotalMem
	cuDevicePrimaryCtxRetain
	cuCtxSetCurrent
	cuStreamCreate
	cuStreamSynchronize
	cuStreamWaitEvent
	cuStreamBeginCapture
	cuStreamGetCaptureInfo
	cuStreamEndCapture
	cuGraphInstantiate
	cuGraphExecKernelNodeSetParams
	cuGraphLaunch
	cuGraphExecDestroy
	cuGraphDestroy
	cuMemGetInfo
	cuMemAlloc
	cuMemFree
	cuMemAllocHost
	cuMemFreeHost
	cuMemcpyHtoDAsync
	cuMemcpyDtoHAsync
	cuModuleLoadDataEx
	cuModuleGetFunction
	cuFuncSetAttribute
	cuLaunchKernel
	cuEventCreate
	cuEventDestroy
	cuEventRecord
	cuEventSynchronize
	cuGetErrorName
	cuGetErrorString
	symbolCount
)

// forGraphs tells whether only graphs need the function. A driver without it has its work launched call by call.
func (s symbol) forGraphs() bool { return s >= cuStreamBeginCapture && s <= cuGraphDestroy }

// symbolNames are the names under which libcuda exports the functions. A version that ends in _v2 has been the current
// one since CUDA 4, 11 or 12, and stays exported beside newer ones, so all drivers from CUDA 12 on have them.
var symbolNames = [symbolCount]string{
	cuInit:                         "cuInit",
	cuDriverGetVersion:             "cuDriverGetVersion",
	cuDeviceGetCount:               "cuDeviceGetCount",
	cuDeviceGet:                    "cuDeviceGet",
	cuDeviceGetName:                "cuDeviceGetName",
	cuDeviceGetAttribute:           "cuDeviceGetAttribute",
	cuDeviceTotalMem:               "cuDeviceTotalMem_v2",
	cuDevicePrimaryCtxRetain:       "cuDevicePrimaryCtxRetain",
	cuCtxSetCurrent:                "cuCtxSetCurrent",
	cuStreamCreate:                 "cuStreamCreate",
	cuStreamSynchronize:            "cuStreamSynchronize",
	cuStreamWaitEvent:              "cuStreamWaitEvent",
	cuStreamBeginCapture:           "cuStreamBeginCapture_v2",
	cuStreamGetCaptureInfo:         "cuStreamGetCaptureInfo_v2",
	cuStreamEndCapture:             "cuStreamEndCapture",
	cuGraphInstantiate:             "cuGraphInstantiateWithFlags",
	cuGraphExecKernelNodeSetParams: "cuGraphExecKernelNodeSetParams_v2",
	cuGraphLaunch:                  "cuGraphLaunch",
	cuGraphExecDestroy:             "cuGraphExecDestroy",
	cuGraphDestroy:                 "cuGraphDestroy",
	cuMemGetInfo:                   "cuMemGetInfo_v2",
	cuMemAlloc:                     "cuMemAlloc_v2",
	cuMemFree:                      "cuMemFree_v2",
	cuMemAllocHost:                 "cuMemAllocHost_v2",
	cuMemFreeHost:                  "cuMemFreeHost",
	cuMemcpyHtoDAsync:              "cuMemcpyHtoDAsync_v2",
	cuMemcpyDtoHAsync:              "cuMemcpyDtoHAsync_v2",
	cuModuleLoadDataEx:             "cuModuleLoadDataEx",
	cuModuleGetFunction:            "cuModuleGetFunction",
	cuFuncSetAttribute:             "cuFuncSetAttribute",
	cuLaunchKernel:                 "cuLaunchKernel",
	cuEventCreate:                  "cuEventCreate",
	cuEventDestroy:                 "cuEventDestroy_v2",
	cuEventRecord:                  "cuEventRecord",
	cuEventSynchronize:             "cuEventSynchronize",
	cuGetErrorName:                 "cuGetErrorName",
	cuGetErrorString:               "cuGetErrorString",
}

// result is a CUresult.
type result int32

const (
	success     result = 0
	outOfMemory result = 2
	noDevice    result = 100
	noCompiler  result = 221
)

// driver is an opened libcuda.
type driver struct {
	path      string // where it was found
	version   int    // of CUDA: 1000·major + 10·minor
	functions [symbolCount]uintptr
}

// absent is why there is no GPU.
type absent string

func (a absent) Error() string { return string(a) }

// Absent tells whether [Open] failed because there is no GPU here, or none that this binary could use, rather than because
// of something that is wrong.
func Absent(err error) bool {
	var failed *fault.DeviceError
	return errors.As(err, new(absent)) || errors.As(err, &failed) && failed.Call == symbolNames[cuInit] && failed.Code == int(noDevice)
}

// call calls a function of the driver. Pointers to Go memory may be passed as uintptr(unsafe.Pointer(&v)) within the
// call's own argument list.
//
//go:uintptrescapes
func (d *driver) call(s symbol, args ...uintptr) result {
	return result(invoke(d.functions[s], args...))
}

// check is call with the result as an error.
//
//go:uintptrescapes
func (d *driver) check(s symbol, args ...uintptr) error {
	return d.failure(s, result(invoke(d.functions[s], args...)))
}

// failure describes the result of a call; it is nil for success.
func (d *driver) failure(s symbol, r result) error {
	if r == success {
		return nil
	}
	return &fault.DeviceError{Call: symbolNames[s], Code: int(r), Text: d.describe(r)}
}

// describe is the driver's name for a result, with its explanation.
func (d *driver) describe(r result) string {
	name, text := new(unsafe.Pointer), new(unsafe.Pointer)
	if d.call(cuGetErrorName, uintptr(r), uintptr(unsafe.Pointer(name))) != success ||
		d.call(cuGetErrorString, uintptr(r), uintptr(unsafe.Pointer(text))) != success {
		return fmt.Sprintf("error %d", r)
	}
	return fmt.Sprintf("%s (%d), %s", cString(*name), r, cString(*text))
}

// cString copies a text that ends with a zero byte.
func cString(p unsafe.Pointer) string {
	if p == nil {
		return ""
	}
	n := 0
	for *(*byte)(unsafe.Add(p, n)) != 0 {
		n++
	}
	return string(unsafe.Slice((*byte)(p), n))
}

// givenFunctions is the path of a driver that is no library.
const givenFunctions = "given functions"

// OpenWith returns the only GPU of a driver that consists of functions at the given addresses; tests have one that
// emulates a GPU.
func OpenWith(functions map[string]uintptr) (*Device, error) {
	d := &driver{path: givenFunctions}
	for s, name := range symbolNames {
		d.functions[s] = functions[name]
	}
	if err := d.initialise(); err != nil {
		return nil, err
	}
	return open(d, 0)
}

// versionText is a CUDA version as people write it.
func versionText(version int) string { return fmt.Sprintf("%d.%d", version/1000, version%1000/10) }
