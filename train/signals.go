package train

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// UntilSignal returns a context that ends at the first SIGINT (Ctrl-C) or SIGTERM, so that [Run] saves and stops. A
// second signal ends the process at once. Call stop when the training is over.
func UntilSignal(parent context.Context) (ctx context.Context, stop func()) {
	ctx, stop = signal.NotifyContext(parent, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // restores the default behaviour of signals
	return ctx, stop
}
