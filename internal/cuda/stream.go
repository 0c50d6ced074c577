package cuda

import (
	"fmt"
	"runtime"
	"unsafe"
)

// Stream is a stream beside that of the device's kernels, for work that runs beside them, such as the communication with other
// GPUs. Its work is queued by other libraries with [Stream.Handle]. The rule that one goroutine at a time may use a device is
// also for its streams.
type Stream struct {
	device        *Device
	handle        uintptr
	before, after uintptr   // events of Follow and Lead
	spare         []uintptr // events of marks that are closed
}

// streams returns an error if the driver lacks a function of streams.
func (d *Device) streams() error {
	for _, s := range []symbol{cuStreamQuery, cuStreamDestroy, cuEventQuery} {
		if d.driver.functions[s] == 0 {
			return fmt.Errorf("the NVIDIA driver at %s has no %s, which communication between GPUs needs; update the driver", d.driver.path, symbolNames[s])
		}
	}
	return nil
}

// NewStream returns a new stream.
func (d *Device) NewStream() (*Stream, error) {
	if err := d.streams(); err != nil {
		return nil, err
	}
	s := &Stream{device: d}
	if err := d.check(cuStreamCreate, uintptr(unsafe.Pointer(&s.handle)), nonBlocking); err != nil {
		return nil, err
	}
	for _, event := range []*uintptr{&s.before, &s.after} {
		if err := d.check(cuEventCreate, uintptr(unsafe.Pointer(event)), disableTiming); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Handle returns the driver's handle, a CUstream.
func (s *Stream) Handle() uintptr { return s.handle }

// Follow lets the work that the stream gets from now on wait for the kernels that the device has got so far.
func (s *Stream) Follow() {
	d := s.device
	d.flush()
	d.must(cuEventRecord, s.before, d.stream)
	d.must(cuStreamWaitEvent, s.handle, s.before, 0)
}

// Lead lets the kernels that the device gets from now on wait for the work that the stream has got so far. Buffers which that
// work uses may be freed from now on. If that work may hang, wait for it by Idle before the device is synchronized.
func (s *Stream) Lead() {
	d := s.device
	d.flush() // these kernels don't wait
	d.must(cuEventRecord, s.after, s.handle)
	d.must(cuStreamWaitEvent, d.stream, s.after, 0)
}

// launch queues a kernel that treats n elements alike in the stream, after the work that it has got.
func (s *Stream) launch(f function, n int, args ...any) error {
	d := s.device
	d.flush()
	d.each(f, n, args...)
	q := &d.queue
	own := q.segment
	q.calls, q.values = q.calls[:0], q.values[:0]
	return d.issue(s.handle, own, nil)
}

// Idle reports whether all work of the stream has ended.
func (s *Stream) Idle() (bool, error) {
	r := s.device.call(cuStreamQuery, s.handle)
	if r == notReady {
		return false, nil
	}
	return r == success, s.device.driver.failure(cuStreamQuery, r)
}

// Mark is a point in a stream, after all work that was queued before it.
type Mark struct {
	stream *Stream
	event  uintptr
}

// Mark returns the position after the work that the stream has got so far.
func (s *Stream) Mark() (*Mark, error) {
	m := &Mark{stream: s}
	if last := len(s.spare) - 1; last >= 0 {
		m.event, s.spare = s.spare[last], s.spare[:last]
	} else if err := s.device.check(cuEventCreate, uintptr(unsafe.Pointer(&m.event)), disableTiming); err != nil {
		return nil, err
	}
	if err := s.device.check(cuEventRecord, m.event, s.handle); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// Idle reports whether all work before the mark has ended.
func (m *Mark) Idle() (bool, error) { return m.stream.device.passed(m.event) }

// Close makes the event of the mark free for another one.
func (m *Mark) Close() { m.stream.spare = append(m.stream.spare, m.event) }

// passed reports whether the work before an event has ended.
func (d *Device) passed(event uintptr) (bool, error) {
	r := d.call(cuEventQuery, event)
	if r == notReady {
		return false, nil
	}
	return r == success, d.driver.failure(cuEventQuery, r)
}

// Close destroys the stream. Its work still runs.
func (s *Stream) Close() {
	for _, event := range s.spare {
		s.device.must(cuEventDestroy, event)
	}
	s.device.must(cuEventDestroy, s.before)
	s.device.must(cuEventDestroy, s.after)
	s.device.must(cuStreamDestroy, s.handle)
}

// Use calls f on a thread with the device's context, for libraries that take the current one. f must not leave the thread.
// Unlike other methods, it may be called by several goroutines at once.
func (d *Device) Use(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if r := d.driver.call(cuCtxSetCurrent, d.current[:]...); r != success {
		return d.driver.failure(cuCtxSetCurrent, r)
	}
	return f()
}
