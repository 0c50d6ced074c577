package onnxruntime

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	"github.com/bestiary-ml/bestiary/internal/dynamic"
	"github.com/bestiary-ml/bestiary/internal/regular"
)

// Array is an input or an output: elements in row-major order, float32 or int64.
type Array struct {
	Shape  []int64
	Floats []float32
	Ints   []int64
}

// Types of elements, ONNXTensorElementDataType.
const (
	float32s = 1
	int64s   = 7
)

// mostBytes is the largest file that is read: a message of protocol buffers ends below 2 GiB.
const mostBytes = 1<<31 - 1

// Session is a graph that is ready to run. Runs may be concurrent; nothing runs when it is closed or afterwards.
type Session struct {
	library              *library
	env, session, memory uintptr
	file                 string // of the model
	model                []byte // the library may read it later
	inputs, outputs      []name
}

// name is the name of an input or an output, as Go and as C have it.
type name struct {
	text string
	c    []byte
}

// Open opens an ONNX file with a library: its file, a folder with it, or "" for that of BESTIARY_ONNXRUNTIME or else at the loader's path.
// The session computes with a number of threads; 0: one for each core. Close it at the end.
func Open(libraryPath, model string, threads int) (_ *Session, err error) {
	content, err := regular.ReadFile(model, mostBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &fs.PathError{Op: "open", Path: model, Err: err}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read (%w); name an ONNX file", model, err)
	}
	if len(content) == 0 {
		return nil, fmt.Errorf("%s: is empty; export the model again", model)
	}
	l, err := openLibrary(libraryPath)
	if err != nil {
		return nil, err
	}
	s := &Session{library: l, file: model, model: content}
	if err := s.open(threads); err != nil {
		s.Close()
		return nil, fmt.Errorf("%s: can't be loaded (%w); export the model again", model, err)
	}
	return s, nil
}

func (s *Session) open(threads int) error {
	const errorsOnly = 3                        // of OrtLoggingLevel
	const deviceAllocator, defaultMemory = 0, 0 // of OrtAllocatorType and OrtMemType
	l, id, out := s.library, cText("bestiary"), new(uintptr)
	if err := l.call(createEnv, errorsOnly, uintptr(unsafe.Pointer(&id[0])), uintptr(unsafe.Pointer(out))); err != nil {
		return err
	}
	s.env = *out
	if err := l.call(createCPUMemoryInfo, deviceAllocator, defaultMemory, uintptr(unsafe.Pointer(out))); err != nil {
		return err
	}
	s.memory = *out
	if err := l.call(createSessionOptions, uintptr(unsafe.Pointer(out))); err != nil {
		return err
	}
	options := *out
	defer l.release(releaseSessionOptions, options)
	if err := l.call(setIntraOpNumThreads, options, uintptr(threads)); err != nil { // #nosec G115 -- a C int
		return err
	}
	err := l.call(createSessionFromArray, s.env, uintptr(unsafe.Pointer(&s.model[0])), uintptr(len(s.model)), options, uintptr(unsafe.Pointer(out)))
	if err != nil {
		return err
	}
	s.session = *out
	if s.inputs, err = s.names(sessionGetInputCount, sessionGetInputName); err != nil {
		return err
	}
	s.outputs, err = s.names(sessionGetOutputCount, sessionGetOutputName)
	return err
}

// names returns the names of the inputs or the outputs.
func (s *Session) names(count, get function) (all []name, err error) {
	l, n, allocator, out := s.library, new(uint64), new(uintptr), new(uintptr)
	if err := l.call(count, s.session, uintptr(unsafe.Pointer(n))); err != nil {
		return nil, err
	}
	if err := l.call(getAllocatorWithDefaultOptions, uintptr(unsafe.Pointer(allocator))); err != nil {
		return nil, err
	}
	for i := range *n {
		if err := l.call(get, s.session, uintptr(i), *allocator, uintptr(unsafe.Pointer(out))); err != nil {
			return nil, err
		}
		text := dynamic.Text(*out)
		all = append(all, name{text, cText(text)})
		if err := l.call(allocatorFree, *allocator, *out); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Close gives the session's memory back.
func (s *Session) Close() {
	s.library.release(releaseSession, s.session)
	s.library.release(releaseMemoryInfo, s.memory)
	s.library.release(releaseEnv, s.env)
	s.session, s.memory, s.env = 0, 0, 0
	runtime.KeepAlive(s.model)
}

// Run computes outputs, by name, from the inputs, which are all that the graph has. It is an error if the graph has other names, or refuses
// the arrays.
func (s *Session) Run(inputs map[string]Array, outputs ...string) (results []Array, err error) {
	l := s.library
	var in, to []uintptr // names
	values, found := make([]uintptr, 0, len(inputs)), make([]uintptr, len(outputs))
	defer func() {
		for _, v := range slices.Concat(values, found) {
			l.release(releaseValue, v)
		}
		runtime.KeepAlive(inputs)
	}()
	for _, n := range s.inputs {
		a, ok := inputs[n.text]
		if !ok || len(inputs) != len(s.inputs) {
			return nil, fmt.Errorf("%s: the graph has the inputs %s, and %d are given; export the model again", s.file, text(s.inputs), len(inputs))
		}
		v, err := s.value(a)
		if err != nil {
			return nil, err
		}
		in, values = append(in, uintptr(unsafe.Pointer(&n.c[0]))), append(values, v)
	}
	for _, want := range outputs {
		i := slices.IndexFunc(s.outputs, func(n name) bool { return n.text == want })
		if i < 0 {
			return nil, fmt.Errorf("%s: the graph has the outputs %s, and not %s; export the model again", s.file, text(s.outputs), want)
		}
		to = append(to, uintptr(unsafe.Pointer(&s.outputs[i].c[0])))
	}
	if len(in) == 0 || len(to) == 0 {
		return nil, fmt.Errorf("the graph has %d inputs and %d outputs are wanted; there must be some", len(in), len(to))
	}
	err = l.call(run, s.session, 0, uintptr(unsafe.Pointer(&in[0])), uintptr(unsafe.Pointer(&values[0])), uintptr(len(in)),
		uintptr(unsafe.Pointer(&to[0])), uintptr(len(to)), uintptr(unsafe.Pointer(&found[0])))
	if err != nil {
		return nil, err
	}
	for _, v := range found {
		a, err := s.array(v)
		if err != nil {
			return nil, err
		}
		results = append(results, a)
	}
	runtime.KeepAlive(s)
	return results, nil
}

// value makes an OrtValue that uses the memory of an array.
func (s *Session) value(a Array) (uintptr, error) {
	n, out := int64(1), new(uintptr)
	for _, d := range a.Shape {
		n *= d
	}
	if len(a.Shape) == 0 || n < 1 || n != int64(len(a.Floats)+len(a.Ints)) || a.Floats != nil && a.Ints != nil {
		return 0, fmt.Errorf("an array of shape %v has %d numbers and %d integers; give as many of one kind", a.Shape, len(a.Floats), len(a.Ints))
	}
	first, size, kind := unsafe.Pointer(unsafe.SliceData(a.Floats)), 4*n, uintptr(float32s)
	if a.Ints != nil {
		first, size, kind = unsafe.Pointer(unsafe.SliceData(a.Ints)), 8*n, int64s
	}
	err := s.library.call(createTensorWithDataAsOrtValue, s.memory, uintptr(first), uintptr(size), uintptr(unsafe.Pointer(&a.Shape[0])), // #nosec G115 -- sizes
		uintptr(len(a.Shape)), kind, uintptr(unsafe.Pointer(out)))
	return *out, err
}

// array copies an OrtValue.
func (s *Session) array(v uintptr) (a Array, err error) {
	l, out, kind, rank := s.library, new(uintptr), new(int32), new(uint64)
	if err := l.call(getTensorTypeAndShape, v, uintptr(unsafe.Pointer(out))); err != nil {
		return a, err
	}
	info := *out
	defer l.release(releaseTensorTypeAndShapeInfo, info)
	if err := l.call(getTensorElementType, info, uintptr(unsafe.Pointer(kind))); err != nil {
		return a, err
	}
	if err := l.call(getDimensionsCount, info, uintptr(unsafe.Pointer(rank))); err != nil {
		return a, err
	}
	a.Shape = make([]int64, *rank, *rank+1) // with an element to point to
	if err := l.call(getDimensions, info, uintptr(unsafe.Pointer(&a.Shape[:1][0])), uintptr(*rank)); err != nil {
		return a, err
	}
	n := int64(1)
	for _, d := range a.Shape {
		n *= d
	}
	if err := l.call(getTensorMutableData, v, uintptr(unsafe.Pointer(out))); err != nil {
		return a, err
	}
	switch data := pointer(*out); *kind {
	case float32s:
		a.Floats = slices.Clone(unsafe.Slice((*float32)(data), n))
	case int64s:
		a.Ints = slices.Clone(unsafe.Slice((*int64)(data), n))
	default:
		return a, fmt.Errorf("an output has elements of type %d, and only numbers (1) and indices (7) are read", *kind)
	}
	return a, nil
}

// text lists names.
func text(all []name) string {
	var list []string
	for _, n := range all {
		list = append(list, n.text)
	}
	return strings.Join(list, ", ")
}
