package train

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// UntilSignal returns a context that ends at the first SIGINT (Ctrl-C), SIGTERM or SIGHUP (the terminal is closed), so
// that [Run] saves and stops. A second signal ends the process at once. SIGHUP stays ignored in a process that was started
// so, by nohup. Call stop when the training is over.
func UntilSignal(parent context.Context) (ctx context.Context, stop func()) {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop = signal.NotifyContext(parent, signals...)
	context.AfterFunc(ctx, stop) // restores the default behaviour of signals
	return ctx, stop
}

// SurviveClosedPipes keeps the process alive when it writes progress to a pipe whose reader is gone: the write fails, and
// the training goes on. Without it, SIGPIPE ends the process without a checkpoint. Call restore when the training is over.
func SurviveClosedPipes() (restore func()) {
	ignored := make(chan os.Signal, 1) // never read: the signal has no other use
	signal.Notify(ignored, syscall.SIGPIPE)
	return func() { signal.Stop(ignored) }
}
