package jobs

import (
	"slices"
	"time"
)

// finished gives back the memory of a job that has ended, and keeps its result for a while.
func (q *Queue) finished(j *Job) {
	v := j.View()
	j.cancel(nil)
	q.notify(Event{Job: j, What: string(v.State), Waited: v.Begun.Sub(v.Created), Took: v.Ended.Sub(v.Created)})
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bytes -= j.Bytes
	j.Work, j.Run = nil, nil
	if j.owned {
		delete(q.all, j.ID)
		return
	}
	q.kept = append(q.kept, j)
	q.forget()
}

// forget drops jobs that have been kept long enough, or for which there is no room.
func (q *Queue) forget() {
	bytes := 0
	for _, j := range q.kept {
		bytes += j.size()
	}
	for len(q.kept) > 0 {
		j := q.kept[0]
		if len(q.kept) <= q.limits.Kept && bytes <= q.limits.KeptBytes && time.Since(j.end()) < q.limits.KeptFor {
			return
		}
		bytes -= j.size()
		delete(q.all, j.ID)
		q.kept = slices.Delete(q.kept, 0, 1)
	}
}
