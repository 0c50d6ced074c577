//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/internal/studio/load"
	"github.com/bestiary-ml/bestiary/internal/studio/studiotest"
	"github.com/bestiary-ml/bestiary/tensor"
)

// serverArguments are the arguments of a server process, separated by newlines.
const serverArguments = "BESTIARY_TEST_SERVER"

// TestServerProcess is the server process that startServer starts.
func TestServerProcess(t *testing.T) {
	args := os.Getenv(serverArguments)
	if args == "" {
		t.Skip("runs for other tests, as a process of its own")
	}
	os.Exit(run(strings.Split(args, "\n"), os.Stdout, os.Stderr))
}

// serverProcess is "bestiary serve", run by a process of its own.
type serverProcess struct {
	*exec.Cmd
	address string // http://127.0.0.1:port/
	stderr  bytes.Buffer
}

// startServer serves runs of small models. Its requests need the token.
func startServer(t *testing.T, token string, more ...string) *serverProcess {
	t.Helper()
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	runs := t.TempDir()
	if err := studiotest.Runs(runs, d); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"serve", runs, "--listen", "127.0.0.1:0", "--device", "cpu"}, more...)
	s := &serverProcess{Cmd: exec.Command(os.Args[0], "-test.run=^TestServerProcess$")}
	s.Env = append(os.Environ(), serverArguments+"="+strings.Join(args, "\n"), "BESTIARY_TOKEN="+token)
	s.Stderr = &s.stderr
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.Process.Kill() // it may have ended
		_ = s.Wait()
		if t.Failed() {
			t.Logf("the server's messages:\n%s", s.stderr.String())
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	s.address, _, _ = strings.Cut(strings.TrimSpace(line), "?")
	return s
}

// terminate ends the server by SIGTERM. Its exit code must be 0.
func (s *serverProcess) terminate(t *testing.T) {
	t.Helper()
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("after SIGTERM: %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("SIGTERM doesn't end the server")
	}
}

// TestOpenAIClient draws pictures with the official Python client of OpenAI. BESTIARY_PYTORCH names a Python that has it.
func TestOpenAIClient(t *testing.T) {
	python := os.Getenv("BESTIARY_PYTORCH")
	if python == "" || exec.Command(python, "-c", "import openai").Run() != nil {
		t.Skip("BESTIARY_PYTORCH names no Python with openai")
	}
	s := startServer(t, "a-token-of-the-test")
	out, err := exec.Command(python, "testdata/openai_client.py", s.address, "a-token-of-the-test").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "ok ") {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
	s.terminate(t)
}

// TestServeTerminates ends a server process by SIGTERM while jobs run and wait: those that run finish, those that wait are
// answered, and the process ends without an error.
func TestServeTerminates(t *testing.T) {
	s := startServer(t, "", "--batch", "1")
	const clients = 12
	codes := make(chan int, clients)
	var asked sync.WaitGroup
	for i := range clients {
		asked.Go(func() {
			body := fmt.Sprintf(`{"model":"birds","prompt":"a bird","n":10,"seed":%d}`, i)
			a, err := http.Post(s.address+"v1/images/generations", "application/json", strings.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			defer a.Body.Close()
			if _, err := io.Copy(io.Discard, a.Body); err != nil {
				t.Error(err)
			}
			codes <- a.StatusCode
		})
	}
	for { // until the server has read all requests: a connection that it has not read yet is closed without an answer
		a, err := http.Get(s.address + "healthz")
		if err != nil {
			t.Fatal(err)
		}
		var health struct{ Waiting, Running int }
		err = json.NewDecoder(a.Body).Decode(&health)
		a.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if len(codes)+health.Waiting+health.Running >= clients && health.Running == 1 && health.Waiting > 0 {
			break
		}
		if len(codes) == clients {
			t.Fatal("all requests are answered before the server is ended")
		}
	}
	s.terminate(t)
	asked.Wait()
	close(codes)
	count := map[int]int{}
	for code := range codes {
		count[code]++
	}
	if count[200] == 0 || count[503] == 0 || count[200]+count[503] != clients {
		t.Errorf("statuses %v", count)
	}
}

// TestBenchServe measures a server for a moment.
func TestBenchServe(t *testing.T) {
	command := func(args ...string) *exec.Cmd {
		c := exec.Command(os.Args[0], "-test.run=^TestServerProcess$")
		c.Env = append(os.Environ(), serverArguments+"="+strings.Join(args, "\n"))
		return c
	}
	var out bytes.Buffer
	o := load.Options{Command: command, Device: []string{"--device", "cpu"}, Clients: []int{1, 6}, Time: 300 * time.Millisecond, Early: 10, Requests: 30, Jobs: 2, JSON: true}
	if err := load.Run(t.Context(), o, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	var r load.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Together) != 2 || len(r.Alone) != 2 || r.Together[1].Clients != 6 || r.Together[1].Requests < 6 || r.Alone[1].P99 < r.Alone[1].P50 ||
		r.Alone[0].P50 <= 0 || r.First <= 0 || r.Whole < r.First || runtime.GOOS == "linux" && (r.Bytes == nil || *r.Bytes < 1<<20) {
		t.Errorf("%s", out.String())
	}
}
