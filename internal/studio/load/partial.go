package load

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// watch submits a job and returns the seconds to its first event with the rows that are drawn so far, and to its end.
func (t *target) watch(ctx context.Context) (first, whole float64, err error) {
	begun := time.Now()
	accepted, err := t.send(ctx, http.MethodPost, "api/jobs", `{"kind":"generate","prompt":"a small red bird with a long beak","seed":1,"previews":-1}`)
	if err != nil {
		return 0, 0, err
	}
	accepted.Body.Close()
	if accepted.StatusCode != http.StatusAccepted {
		return 0, 0, fmt.Errorf("the server answers a job with %d", accepted.StatusCode)
	}
	path := strings.TrimPrefix(accepted.Header.Get("Location"), "/") + "/events"
	events, err := t.send(ctx, http.MethodGet, path, "")
	if err != nil {
		return 0, 0, err
	}
	defer events.Body.Close()
	lines := bufio.NewScanner(events.Body)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var job struct {
			State   string
			Partial []string
		}
		if err := json.Unmarshal([]byte(data), &job); err != nil {
			return 0, 0, err
		}
		if len(job.Partial) > 0 && first == 0 {
			first = time.Since(begun).Seconds()
		}
		if job.State == "done" {
			whole = time.Since(begun).Seconds()
		}
	}
	if err := lines.Err(); err != nil {
		return 0, 0, err
	}
	if first == 0 || whole == 0 {
		return 0, 0, errors.New("a job ends without a partial picture")
	}
	return first, whole, nil
}
