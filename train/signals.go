package train

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// UntilSignal returns a context that ends with the first SIGINT (Ctrl-C) or SIGTERM, so that [Run] saves and stops. A
// second signal ends the process at once. The caller calls stop when the training is over.
func UntilSignal(parent context.Context) (ctx context.Context, stop func()) {
	ctx, stop = signal.NotifyContext(parent, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // from now on, signals do what they do by default
	return ctx, stop
}
