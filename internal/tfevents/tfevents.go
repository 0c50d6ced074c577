// Package tfevents writes event files for TensorBoard: TFRecord framing around Event messages with scalar and image
// summaries (https://www.tensorflow.org/tutorials/load_data/tfrecord).
//
// The few messages that are needed are encoded field by field, with the field numbers of
// tensorflow/core/util/event.proto and framework/summary.proto.
package tfevents

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers.
const (
	eventWallTime    = 1 // double, seconds since 1970
	eventStep        = 2 // int64
	eventFileVersion = 3 // string, in the first event only
	eventSummary     = 5 // Summary
	eventSessionLog  = 7 // SessionLog

	summaryValue = 1 // repeated Value

	valueTag    = 1 // string
	valueScalar = 2 // float
	valueImage  = 4 // Image

	imageHeight     = 1 // int32
	imageWidth      = 2 // int32
	imageColorspace = 3 // int32; 3 is RGB, 4 RGBA
	imagePNG        = 4 // bytes

	sessionStatus = 1 // enum
	sessionStart  = 1
)

// Writer appends events to a file of its own. A method passes its event to the operating system in one write, so a killed
// process loses at most the event that it was writing. A Writer is safe for concurrent use.
type Writer struct {
	mu   sync.Mutex
	file *os.File
	err  error // the first one: events after a broken record could not be read
	now  func() time.Time
}

// Create starts a new event file in dir, which is created if it does not exist. step is the number of the first step that
// will be written. A resumed run gets a further file: if step is not 0, TensorBoard discards the events of earlier files
// from this step on, which a killed process may have written.
func Create(dir string, step int64) (*Writer, error) {
	return create(dir, step, time.Now)
}

func create(dir string, step int64, now func() time.Time) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("%s: cannot be created for TensorBoard's events (%w); choose a folder that you may write to", dir, err)
	}
	f, err := newFile(dir, now())
	if err != nil {
		return nil, fmt.Errorf("%s: no event file can be created in it (%w); choose a folder that you may write to", dir, err)
	}
	w := &Writer{file: f, now: now}
	version := protowire.AppendTag(nil, eventFileVersion, protowire.BytesType)
	version = protowire.AppendString(version, "brain.Event:2")
	if err := w.append(0, version); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if step != 0 {
		log := protowire.AppendTag(nil, sessionStatus, protowire.VarintType)
		log = protowire.AppendVarint(log, sessionStart)
		if err := w.append(step, appendMessage(nil, eventSessionLog, log)); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return w, nil
}

// newFile creates events.out.tfevents.<seconds>.<host>.<process>.<n>. TensorBoard reads the files of a folder in the order of
// their names; n numbers the files of one second.
func newFile(dir string, now time.Time) (*os.File, error) {
	host, err := os.Hostname()
	if err != nil || strings.ContainsAny(host, `/\`) {
		host = "localhost"
	}
	for n := 0; ; n++ {
		name := fmt.Sprintf("events.out.tfevents.%010d.%s.%d.%d", now.Unix(), host, os.Getpid(), n)
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

// Scalar records a number under a tag such as "train/loss". TensorBoard stores it as float32.
func (w *Writer) Scalar(step int64, tag string, value float64) error {
	v := appendTag(nil, tag)
	v = protowire.AppendTag(v, valueScalar, protowire.Fixed32Type)
	v = protowire.AppendFixed32(v, math.Float32bits(float32(value)))
	return w.summary(step, v)
}

// Image records a picture, as PNG.
func (w *Writer) Image(step int64, tag string, img image.Image) error {
	if img == nil {
		return fmt.Errorf("%s: the picture %q is nil; give one", w.file.Name(), tag)
	}
	var encoded bytes.Buffer
	if err := png.Encode(&encoded, img); err != nil {
		return fmt.Errorf("%s: the picture %q cannot be encoded (%w); check its size", w.file.Name(), tag, err)
	}
	colorspace := uint64(4)
	if o, ok := img.(interface{ Opaque() bool }); ok && o.Opaque() {
		colorspace = 3
	}
	var m []byte
	for _, field := range []struct {
		number protowire.Number
		value  uint64
	}{
		{imageHeight, uint64(img.Bounds().Dy())},
		{imageWidth, uint64(img.Bounds().Dx())},
		{imageColorspace, colorspace},
	} {
		m = protowire.AppendTag(m, field.number, protowire.VarintType)
		m = protowire.AppendVarint(m, field.value)
	}
	m = appendMessage(m, imagePNG, encoded.Bytes())
	return w.summary(step, appendMessage(appendTag(nil, tag), valueImage, m))
}

// Close closes the file. It returns the first error of the writer.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.file.Close(); err != nil && w.err == nil {
		w.err = w.explain(err)
	}
	return w.err
}

func (w *Writer) summary(step int64, value []byte) error {
	return w.append(step, appendMessage(nil, eventSummary, appendMessage(nil, summaryValue, value)))
}

// append writes an event; what are the fields after the step.
func (w *Writer) append(step int64, what []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	event := protowire.AppendTag(nil, eventWallTime, protowire.Fixed64Type)
	event = protowire.AppendFixed64(event, math.Float64bits(float64(w.now().UnixNano())/1e9))
	event = protowire.AppendTag(event, eventStep, protowire.VarintType)
	event = protowire.AppendVarint(event, uint64(step))
	if _, err := w.file.Write(appendRecord(nil, append(event, what...))); err != nil {
		w.err = w.explain(err)
	}
	return w.err
}

func (w *Writer) explain(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return fmt.Errorf("%s: the event cannot be written (%w); free some disk space and resume the run", w.file.Name(), err)
}

func appendTag(b []byte, tag string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, valueTag, protowire.BytesType), tag)
}

func appendMessage(b []byte, number protowire.Number, m []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), m)
}
