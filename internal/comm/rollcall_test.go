package comm

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestAbsent has ranks that don't come to a roll call, rank 0 among them, and another program that connects first.
func TestAbsent(t *testing.T) {
	t.Parallel() // it waits
	for _, test := range []struct{ come, want []int }{
		{[]int{0, 1, 2, 3}, nil}, {[]int{0, 1, 3}, []int{2}}, {[]int{0, 3}, []int{1, 2}}, {[]int{0}, []int{1, 2, 3}}, {[]int{1, 2, 3}, []int{0}},
	} {
		address, _ := free(t)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			for ctx.Err() == nil {
				if c, err := net.Dial("tcp", address); err == nil {
					_, _ = c.Write([]byte("GET / HTTP/1.1\r\n\r\nHost: an address that is no rank\r\n"))
					_ = c.Close()
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
		for _, rank := range test.come {
			all.Go(func() {
				time.Sleep(time.Duration(rank) * 100 * time.Millisecond)
				if missing := (Place{Rank: rank, Size: 4, Address: address}).Absent(ctx); !slices.Equal(missing, test.want) {
					t.Errorf("%v come, and rank %d misses %v", test.come, rank, missing)
				}
			})
		}
		all.Wait()
	}
}
