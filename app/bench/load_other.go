//go:build !linux

package bench

import (
	"context"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/koi-scrm/koi/app/fault"
)

type shelling struct {
	latency *hdrhistogram.Histogram
	late    *hdrhistogram.Histogram
	status  map[int]int
	broken  int
	begun   time.Time
	took    time.Duration
}

func (s *shelling) failed() int { return 0 }

func fire(context.Context, string, volley, int) (*shelling, error) {
	return nil, fault.New(fault.Unavailable, "koi bench 只能在 Linux 上运行：它用 epoll 发请求、从 /proc 读取用量")
}
