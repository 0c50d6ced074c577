package tfevents

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// fields decodes a message: the last value of each field, numbers as their bits.
func fields(t *testing.T, b []byte) (numbers map[protowire.Number]uint64, nested map[protowire.Number][]byte) {
	t.Helper()
	numbers, nested = map[protowire.Number]uint64{}, map[protowire.Number][]byte{}
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		b = b[n:]
		switch kind {
		case protowire.VarintType:
			numbers[number], n = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			numbers[number], n = protowire.ConsumeFixed64(b)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(b)
			numbers[number] = uint64(v)
		case protowire.BytesType:
			nested[number], n = protowire.ConsumeBytes(b)
		default:
			t.Fatalf("field %d is of wire type %d", number, kind)
		}
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		b = b[n:]
	}
	return numbers, nested
}

// records parses the framing and verifies the checksums.
func records(t *testing.T, b []byte) (all [][]byte) {
	t.Helper()
	for len(b) > 0 {
		n := binary.LittleEndian.Uint64(b)
		if crc := binary.LittleEndian.Uint32(b[8:]); crc != maskedCRC(b[:8]) {
			t.Fatal("the length's checksum is wrong")
		}
		data := b[12 : 12+n]
		if crc := binary.LittleEndian.Uint32(b[12+n:]); crc != maskedCRC(data) {
			t.Fatal("the data's checksum is wrong")
		}
		all = append(all, data)
		b = b[16+n:]
	}
	return all
}

func onlyFile(t *testing.T, dir string) []byte {
	t.Helper()
	paths, _ := filepath.Glob(filepath.Join(dir, "events.out.tfevents.*"))
	if len(paths) != 1 {
		t.Fatalf("files %v, want one", paths)
	}
	b, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRecord compares a record with the one that TensorBoard's RecordWriter writes for the same event.
func TestRecord(t *testing.T) {
	want := "\x18\x00\x00\x00\x00\x00\x00\x00\xa3\x7fK\"\t\x00\x00\xc0%\xddu\xd5A\x1a\rbrain.Event:2\x8d\x1a\xdb\xaf"
	got := appendRecord(nil, []byte("\t\x00\x00\xc0%\xddu\xd5A\x1a\rbrain.Event:2"))
	if string(got) != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestEvents(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	now := time.Unix(1700000000, 500_000_000)
	w, err := create(dir, 0, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	picture := image.NewNRGBA(image.Rect(0, 0, 3, 2))
	for i := range picture.Pix {
		picture.Pix[i] = 255
	}
	picture.Set(1, 1, color.NRGBA{10, 20, 30, 255})
	for _, err := range []error{
		w.Scalar(7, "train/loss", 0.25),
		w.Scalar(8, "train/loss", math.NaN()),
		w.Image(1<<40, "samples", picture),
		w.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}

	events := records(t, onlyFile(t, dir))
	if len(events) != 4 {
		t.Fatalf("%d events, want 4", len(events))
	}
	if _, nested := fields(t, events[0]); string(nested[eventFileVersion]) != "brain.Event:2" {
		t.Errorf("the file starts with %q", nested[eventFileVersion])
	}
	value := func(i int, step uint64, tag string) (map[protowire.Number]uint64, map[protowire.Number][]byte) {
		t.Helper()
		numbers, nested := fields(t, events[i])
		if got := math.Float64frombits(numbers[eventWallTime]); got != 1700000000.5 {
			t.Errorf("time %f", got)
		}
		if numbers[eventStep] != step {
			t.Errorf("step %d, want %d", numbers[eventStep], step)
		}
		_, nested = fields(t, nested[eventSummary])
		numbers, nested = fields(t, nested[summaryValue])
		if string(nested[valueTag]) != tag {
			t.Errorf("tag %q, want %q", nested[valueTag], tag)
		}
		return numbers, nested
	}
	loss, _ := value(1, 7, "train/loss")
	if got := math.Float32frombits(uint32(loss[valueScalar])); got != 0.25 {
		t.Errorf("loss %g, want 0.25", got)
	}
	loss, _ = value(2, 8, "train/loss")
	if got := math.Float32frombits(uint32(loss[valueScalar])); got == got {
		t.Errorf("loss %g, want NaN", got)
	}
	_, nested := value(3, 1<<40, "samples")
	numbers, nested := fields(t, nested[valueImage])
	if numbers[imageHeight] != 2 || numbers[imageWidth] != 3 || numbers[imageColorspace] != 3 {
		t.Errorf("image %v, want 2 by 3, RGB", numbers)
	}
	decoded, err := png.Decode(bytes.NewReader(nested[imagePNG]))
	if err != nil {
		t.Fatal(err)
	}
	if got := color.NRGBAModel.Convert(decoded.At(1, 1)); got != (color.NRGBA{10, 20, 30, 255}) {
		t.Errorf("pixel %v", got)
	}
}

// TestResume checks that a second run gets its own, later file that marks the restart.
func TestResume(t *testing.T) {
	dir := t.TempDir()
	now := func() time.Time { return time.Unix(1700000000, 0) }
	for _, step := range []int64{0, 500} {
		w, err := create(dir, step, now)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	paths, _ := filepath.Glob(filepath.Join(dir, "*")) // sorted
	if len(paths) != 2 {
		t.Fatalf("files %v, want two", paths)
	}
	for i, want := range []int{1, 2} {
		b, err := os.ReadFile(paths[i])
		if err != nil {
			t.Fatal(err)
		}
		events := records(t, b)
		if len(events) != want {
			t.Fatalf("file %d has %d events, want %d", i, len(events), want)
		}
		if want == 2 {
			numbers, nested := fields(t, events[1])
			status, _ := fields(t, nested[eventSessionLog])
			if numbers[eventStep] != 500 || status[sessionStatus] != sessionStart {
				t.Errorf("restart at %d with status %d", numbers[eventStep], status[sessionStatus])
			}
		}
	}
}

func TestFailures(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(file, 0); err == nil || !strings.HasPrefix(err.Error(), file+": ") {
		t.Errorf("a file for a folder: %v", err)
	}
	if runtime.GOOS != "linux" {
		return
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	w := &Writer{file: full, now: time.Now}
	for range 2 {
		if err := w.Scalar(1, "a", 1); err == nil || !strings.Contains(err.Error(), "free some disk space") {
			t.Errorf("full disk: %v", err)
		}
	}
	if w.Close() == nil {
		t.Error("Close forgot the failure")
	}
}

// FuzzEvents writes any tag, step and value, and reads the file back.
func FuzzEvents(f *testing.F) {
	f.Add("train/loss", int64(7), 0.25)
	f.Add("", int64(-1), math.Inf(1))
	f.Add("\xff\x00\n", int64(math.MaxInt64), math.NaN())
	file, err := os.Create(filepath.Join(f.TempDir(), "events"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, tag string, step int64, value float64) {
		if err := file.Truncate(0); err != nil {
			t.Fatal(err)
		}
		if _, err := file.Seek(0, 0); err != nil {
			t.Fatal(err)
		}
		w := &Writer{file: file, now: time.Now}
		if err := w.Scalar(step, tag, value); err != nil {
			t.Fatal(err)
		}
		written, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		events := records(t, written)
		if len(events) != 1 {
			t.Fatalf("%d events", len(events))
		}
		numbers, nested := fields(t, events[0])
		_, nested = fields(t, nested[eventSummary])
		loss, nested := fields(t, nested[summaryValue])
		if int64(numbers[eventStep]) != step || string(nested[valueTag]) != tag || uint32(loss[valueScalar]) != math.Float32bits(float32(value)) {
			t.Errorf("wrote %q %d %v, read %q %d %v", tag, step, value, nested[valueTag], numbers[eventStep], loss[valueScalar])
		}
	})
}
