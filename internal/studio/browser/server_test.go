package browser

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/internal/studio"
	"github.com/bestiary-ml/bestiary/internal/studio/studiotest"
	"github.com/bestiary-ml/bestiary/tensor"
)

// serve starts a server of a folder and returns its address.
func serve(t *testing.T, o studio.Options) string {
	t.Helper()
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.Version = "test"
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	s := studio.New(d, o)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		d.Close()
	})
	return "http://" + l.Addr().String()
}

// runs makes a folder of small runs. BESTIARY_RUNS names another one, to look at it on screenshots.
func runs(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("BESTIARY_RUNS"); dir != "" {
		return dir
	}
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	dir := t.TempDir()
	if err := studiotest.Runs(dir, d); err != nil {
		t.Fatal(err)
	}
	return dir
}

// program builds the command that trains, once.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "bestiary-*")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "bestiary")
	out, err := exec.Command("go", "build", "-C", filepath.Join("..", "..", ".."), "-o", path, "./cmd/bestiary").CombinedOutput()
	if err != nil {
		os.Stderr.Write(out)
	}
	return path, err
})

// TestMain removes the program.
func TestMain(m *testing.M) {
	if os.Getenv("BESTIARY_FAKE_TRAINING") != "" { // this test as the program of a training that lasts
		time.Sleep(time.Minute)
		os.Exit(1)
	}
	code := m.Run()
	if built != "" {
		os.RemoveAll(filepath.Dir(built))
	}
	os.Exit(code)
}

// built is the path of the program, once it is built.
var built string

func buildProgram(t *testing.T) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	built = path
	return path
}
