package train

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bestiary-ml/bestiary/internal/comm"
)

// answerTime is how long ranks have to answer one that waits in vain. Those that wait for the same begin at different times.
var answerTime = 10 * time.Second // tests lower it

// late explains why a collective operation has failed, which was waited for so long if it has not ended.
func (r *Ranks) late(err error, waited time.Duration) error {
	if err == nil {
		return nil
	}
	if who := r.absent(err, waited); who != "" {
		r.lost = fmt.Errorf("%s: %s; see what it says or whether its machine is there, and resume from the last checkpoint", r, who)
	} else {
		r.lost = fmt.Errorf("%s: the ranks can't exchange data: %w", r, err)
	}
	return r.lost
}

// absent says which ranks don't answer after an operation that was waited for so long has failed; "" if it has failed otherwise.
func (r *Ranks) absent(err error, waited time.Duration) string {
	var silent *comm.Silent
	if errors.As(err, &silent) {
		return fmt.Sprintf("%s answer within %v", comm.Clause(silent.Ranks, "doesn't", "don't"), silent.Time)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	missing := r.group.Missing(ctx)
	if len(missing) == 0 {
		return fmt.Sprintf("a rank is late, though all answer within %v", waited)
	}
	return fmt.Sprintf("%s answer within %v", comm.Clause(missing, "doesn't", "don't"), waited)
}
