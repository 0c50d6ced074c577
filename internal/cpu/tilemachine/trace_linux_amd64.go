package tilemachine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

// Run runs a program and emulates its tile instructions. It returns the program's output and the number of emulated instructions,
// and an error if the program could not be traced (ErrUnavailable where tracing isn't permitted), if it failed, or if it used tiles
// in a way that a processor refuses.
func Run(path string, args, env []string) (output []byte, instructions int, err error) {
	runtime.LockOSThread() // only the thread that started a process may trace it
	defer runtime.UnlockOSThread()
	read, write, err := os.Pipe()
	if err != nil {
		return nil, 0, err
	}
	defer read.Close()
	process, err := os.StartProcess(path, append([]string{path}, args...), &os.ProcAttr{
		Env: env, Files: []*os.File{nil, write, write}, Sys: &syscall.SysProcAttr{Ptrace: true},
	})
	write.Close()
	if err != nil {
		if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSYS) {
			return nil, 0, fmt.Errorf("%w: %v", ErrUnavailable, err)
		}
		return nil, 0, err
	}
	defer process.Release()
	var written bytes.Buffer
	done := make(chan struct{})
	go func() {
		io.Copy(&written, read)
		close(done)
	}()
	t := &tracer{pid: process.Pid, threads: map[int]*state{process.Pid: {}}, code: map[uint64]place{}}
	err = t.run()
	<-done
	return written.Bytes(), t.instructions, err
}

// tracer follows the threads of a process.
type tracer struct {
	pid          int
	threads      map[int]*state
	code         map[uint64]place // decoded instructions, by address
	instructions int
	failure      error // the first misuse of tiles
}

// place is an address of the program, with its tile instruction if there is one.
type place struct {
	instruction
	isTile bool
}

// waitTraced are options of wait4: threads of any kind, but only those that this thread traces.
const waitTraced = syscall.WALL | 0x20000000

func (t *tracer) run() error {
	started := false
	for {
		var status syscall.WaitStatus
		tid, err := syscall.Wait4(-1, &status, waitTraced, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return errors.Join(t.failure, fmt.Errorf("waiting for the traced program: %v", err))
		}
		if status.Exited() || status.Signaled() {
			t.check(tid, "ends")
			delete(t.threads, tid)
			if tid != t.pid {
				continue
			}
			if status.Signaled() || status.ExitStatus() != 0 {
				return errors.Join(t.failure, fmt.Errorf("the program ended with status %#x", uint32(status)))
			}
			return t.failure
		}
		signal := status.StopSignal()
		switch thread := t.threads[tid]; {
		case thread == nil: // a new thread, which begins stopped
			t.threads[tid] = &state{}
			signal = 0
		case !started:
			started = true
			signal = 0
			const killWithTracer = 1 << 20
			if err := syscall.PtraceSetOptions(tid, syscall.PTRACE_O_TRACECLONE|killWithTracer); err != nil {
				return err
			}
		case signal == syscall.SIGTRAP && status.TrapCause() > 0:
			t.check(tid, "starts another thread")
			signal = 0
		case signal == syscall.SIGILL:
			if done, err := t.emulate(tid, thread); err != nil {
				t.fail(err)
			} else if done {
				signal = 0
			}
		}
		if err := syscall.PtraceCont(tid, int(signal)); err != nil && err != syscall.ESRCH {
			return err
		}
	}
}

// fail keeps the first failure and ends the program.
func (t *tracer) fail(err error) {
	if t.failure == nil {
		t.failure = err
	}
	syscall.Kill(t.pid, syscall.SIGKILL)
}

// check fails if a thread has tiles configured when it ends or starts another thread.
func (t *tracer) check(tid int, does string) {
	if s := t.threads[tid]; s != nil && s.configured && t.failure == nil {
		t.fail(fmt.Errorf("a thread %s with its tiles configured", does))
	}
}

// emulate executes the tile instructions at which a thread stopped, all that follow each other. It returns false if there is none.
func (t *tracer) emulate(tid int, s *state) (done bool, err error) {
	var user syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(tid, &user); err != nil {
		return false, err
	}
	r := registers{
		general: [16]uint64{
			user.Rax, user.Rcx, user.Rdx, user.Rbx, user.Rsp, user.Rbp, user.Rsi, user.Rdi,
			user.R8, user.R9, user.R10, user.R11, user.R12, user.R13, user.R14, user.R15,
		},
		at: user.Rip,
	}
	memory := processMemory(tid)
	for {
		p, known := t.code[r.at]
		if !known {
			code := make([]byte, maxLength)
			if err := memory.Read(r.at, 0, [][]byte{code}); err == nil {
				p.instruction, p.isTile = decode(code)
			}
			t.code[r.at] = p
		}
		if !p.isTile {
			break
		}
		if err := s.execute(p.instruction, &r, memory); err != nil {
			return false, fmt.Errorf("at %#x: %w", r.at, err)
		}
		r.at += uint64(p.length)
		t.instructions++
		done = true
	}
	if !done {
		return false, nil
	}
	user.Rip = r.at
	return true, syscall.PtraceSetRegs(tid, &user)
}

// processMemory is the memory of the process of a thread.
type processMemory int

const processVMRead, processVMWrite = 310, 311 // system calls

// Read implements Memory.
func (m processMemory) Read(address, stride uint64, rows [][]byte) error {
	return m.transfer(processVMRead, address, stride, rows)
}

// Write implements Memory.
func (m processMemory) Write(address, stride uint64, rows [][]byte) error {
	return m.transfer(processVMWrite, address, stride, rows)
}

func (m processMemory) transfer(call uintptr, address, stride uint64, rows [][]byte) error {
	var here [maxRows]syscall.Iovec
	var there [maxRows]struct{ base, length uint64 }
	total := 0
	for i, row := range rows {
		here[i] = syscall.Iovec{Base: &row[0], Len: uint64(len(row))}
		there[i].base, there[i].length = address+uint64(i)*stride, uint64(len(row))
		total += len(row)
	}
	n := uintptr(len(rows))
	moved, _, errno := syscall.Syscall6(call, uintptr(m), uintptr(unsafe.Pointer(&here)), n, uintptr(unsafe.Pointer(&there)), n, 0)
	if errno != 0 || int(moved) != total {
		return fmt.Errorf("#PF: %d rows at %#x, %d bytes apart, are not all there (%v)", len(rows), address, int64(stride), errno)
	}
	return nil
}
