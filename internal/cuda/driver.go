package cuda

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/bestiary-ml/bestiary/fault"
)

// symbol is a function of the driver, as an index of symbolNames.
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
	cuDevicePrimaryCtxRelease
	cuCtxSetCurrent
	cuStreamCreate
	cuStreamDestroy
	cuStreamQuery
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
	cuMemGetAllocationGranularity
	cuMemAddressReserve
	cuMemAddressFree
	cuMemCreate
	cuMemRelease
	cuMemMap
	cuMemSetAccess
	cuMemUnmap
	cuModuleLoadDataEx
	cuModuleGetFunction
	cuFuncSetAttribute
	cuLaunchKernel
	cuEventCreate
	cuEventDestroy
	cuEventRecord
	cuEventQuery
	cuEventSynchronize
	cuGetErrorName
	cuGetErrorString
	symbolCount
)

// forGraphs reports whether only graphs need the function. On a driver without it, work is launched call by call.
func (s symbol) forGraphs() bool { return s >= cuStreamBeginCapture && s <= cuGraphDestroy }

// forRegions reports whether only regions need the function.
func (s symbol) forRegions() bool { return s >= cuMemGetAllocationGranularity && s <= cuMemUnmap }

// optional reports whether a driver may lack the function.
func (s symbol) optional() bool {
	return s.forGraphs() || s.forRegions() || s == cuDevicePrimaryCtxRelease || s == cuStreamDestroy || s == cuStreamQuery || s == cuEventQuery
}

// symbolNames are the names under which libcuda exports the functions. A version _v2 has been the current one since CUDA 4,
// 11 or 12 and stays exported beside newer ones, so all drivers since CUDA 12 have these names.
var symbolNames = [symbolCount]string{
	cuInit:                         "cuInit",
	cuDriverGetVersion:             "cuDriverGetVersion",
	cuDeviceGetCount:               "cuDeviceGetCount",
	cuDeviceGet:                    "cuDeviceGet",
	cuDeviceGetName:                "cuDeviceGetName",
	cuDeviceGetAttribute:           "cuDeviceGetAttribute",
	cuDeviceTotalMem:               "cuDeviceTotalMem_v2",
	cuDevicePrimaryCtxRetain:       "cuDevicePrimaryCtxRetain",
	cuDevicePrimaryCtxRelease:      "cuDevicePrimaryCtxRelease_v2",
	cuCtxSetCurrent:                "cuCtxSetCurrent",
	cuStreamCreate:                 "cuStreamCreate",
	cuStreamDestroy:                "cuStreamDestroy_v2",
	cuStreamQuery:                  "cuStreamQuery",
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
	cuMemGetAllocationGranularity:  "cuMemGetAllocationGranularity",
	cuMemAddressReserve:            "cuMemAddressReserve",
	cuMemAddressFree:               "cuMemAddressFree",
	cuMemCreate:                    "cuMemCreate",
	cuMemRelease:                   "cuMemRelease",
	cuMemMap:                       "cuMemMap",
	cuMemSetAccess:                 "cuMemSetAccess",
	cuMemUnmap:                     "cuMemUnmap",
	cuModuleLoadDataEx:             "cuModuleLoadDataEx",
	cuModuleGetFunction:            "cuModuleGetFunction",
	cuFuncSetAttribute:             "cuFuncSetAttribute",
	cuLaunchKernel:                 "cuLaunchKernel",
	cuEventCreate:                  "cuEventCreate",
	cuEventDestroy:                 "cuEventDestroy_v2",
	cuEventRecord:                  "cuEventRecord",
	cuEventQuery:                   "cuEventQuery",
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
	notReady    result = 600
)

// driver is an opened libcuda.
type driver struct {
	path      string // of the library
	version   int    // of CUDA: 1000·major + 10·minor
	functions [symbolCount]uintptr
}

// absent is the error where there is no GPU.
type absent string

func (a absent) Error() string { return string(a) }

// Absent reports whether [Open] failed because there is no GPU, or because this binary was built without CUDA. Other errors
// say that a GPU or its driver doesn't work.
func Absent(err error) bool {
	var failed *fault.DeviceError
	return errors.As(err, new(absent)) || errors.As(err, &failed) && failed.Call == symbolNames[cuInit] && failed.Code == int(noDevice)
}

// call calls a function of the driver. A pointer to Go memory must be converted with uintptr(unsafe.Pointer(&v)) in the
// argument list itself.
//
//go:uintptrescapes
func (d *driver) call(s symbol, args ...uintptr) result {
	return result(invoke(d.functions[s], args...))
}

// check is like call, but returns an error.
//
//go:uintptrescapes
func (d *driver) check(s symbol, args ...uintptr) error {
	return d.failure(s, result(invoke(d.functions[s], args...)))
}

// failure returns the result of a call as an error; nil for success.
func (d *driver) failure(s symbol, r result) error {
	if r == success {
		return nil
	}
	return &fault.DeviceError{Call: symbolNames[s], Code: int(r), Text: d.describe(r)}
}

// describe returns the driver's name and explanation of a result.
func (d *driver) describe(r result) string {
	name, text := new(unsafe.Pointer), new(unsafe.Pointer)
	if d.call(cuGetErrorName, uintptr(r), uintptr(unsafe.Pointer(name))) != success ||
		d.call(cuGetErrorString, uintptr(r), uintptr(unsafe.Pointer(text))) != success {
		return fmt.Sprintf("error %d", r)
	}
	return fmt.Sprintf("%s (%d), %s", cString(*name), r, cString(*text))
}

// cString copies a zero-terminated string.
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

// givenFunctions is the path of a driver that [OpenWith] got as functions.
const givenFunctions = "given functions"

// OpenWith opens GPU 0 of a driver that consists of C functions at the given addresses. Tests pass the functions of package
// emulator.
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

// versionText formats a CUDA version: 12.4 for 12040.
func versionText(version int) string { return fmt.Sprintf("%d.%d", version/1000, version%1000/10) }
