package jobs

import (
	"fmt"
	"slices"
	"time"
)

// work runs batches until the queue is closed.
func (q *Queue) work() {
	defer close(q.idle)
	for {
		q.mu.Lock()
		wake, closed := q.wake, q.closed
		if wait := q.gather(); wait > 0 && !closed {
			q.mu.Unlock()
			select {
			case <-wake:
			case <-time.After(wait):
			}
			continue
		}
		batch := q.take()
		waiting := slices.Clone(q.waiting)
		q.mu.Unlock()
		if closed && len(batch) == 0 {
			return
		}
		if len(batch) == 0 {
			<-wake
			continue
		}
		movedAll(waiting)
		q.run(batch)
	}
}

// maxPause bounds what a job waits for others.
const maxPause = 20 * time.Millisecond

// gather returns how long the first job is to wait for others that can run together with it. The clients of a batch that
// has just ended ask again within moments of each other: if the first of them ran at once, it would run alone, and all the
// others would wait for it. After a batch of one job there is no such pause, so a single client never waits.
func (q *Queue) gather() time.Duration {
	if q.last < 2 || len(q.waiting) == 0 || q.waiting[0].Key == "" {
		return 0
	}
	jobs, pictures := 0, 0
	for _, j := range q.waiting {
		if j.Key == q.waiting[0].Key {
			jobs, pictures = jobs+1, pictures+j.Pictures
		}
	}
	if jobs >= q.last || pictures >= q.limits.Together {
		return 0
	}
	return q.pause - time.Since(q.ended)
}

// take removes the first job and those that run together with it.
func (q *Queue) take() (batch []*Job) {
	pictures := 0
	q.waiting = slices.DeleteFunc(q.waiting, func(j *Job) bool {
		switch {
		case len(batch) == 0:
		case j.Key == "" || j.Key != batch[0].Key || pictures+j.Pictures > q.limits.Together:
			return false
		}
		batch, pictures = append(batch, j), pictures+j.Pictures
		return true
	})
	q.running = batch
	return batch
}

func (q *Queue) run(batch []*Job) {
	begun := time.Now()
	for _, j := range batch {
		j.begin(len(batch))
	}
	func() {
		defer func() {
			if failure := recover(); failure != nil {
				for _, j := range batch {
					j.Finish(Result{}, fmt.Errorf("the server failed: %v", failure))
				}
			}
		}()
		batch[0].Run(q.ctx, slices.Clone(batch))
	}()
	took := time.Since(begun)
	q.notify(Event{Job: batch[0], What: "batch", Together: len(batch), Took: took})
	q.mu.Lock()
	q.took = (3*q.took + took) / 4
	q.running = nil
	q.last, q.ended, q.pause = len(batch), time.Now(), min(took/8, maxPause)
	q.mu.Unlock()
	for _, j := range batch {
		j.Finish(Result{}, errNothing)
		q.finished(j)
	}
}
