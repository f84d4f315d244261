package bench

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// syncRate appends 4 KiB to a file and waits until it is on disk, over and over: what one durable commit
// costs on this machine. It returns how many a second, and the times in µs.
func syncRate(ctx context.Context, dir string, d time.Duration) (float64, *hdrhistogram.Histogram, error) {
	f, err := os.Create(filepath.Join(dir, "sync.probe"))
	if err != nil {
		return 0, nil, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	page := make([]byte, 4096)
	h := newHistogram()
	begun := time.Now()
	n := 0
	for ; time.Since(begun) < d && ctx.Err() == nil; n++ {
		page[0] = byte(n)
		at := time.Now()
		if _, err := f.Write(page); err != nil {
			return 0, nil, err
		}
		if err := datasync(f); err != nil {
			return 0, nil, err
		}
		_ = h.RecordValue(max(1, time.Since(at).Microseconds()))
	}
	return float64(n) / time.Since(begun).Seconds(), h, ctx.Err()
}

// disk adds the machine's own speed to a report.
func (r *rig) disk(ctx context.Context, report *Report) error {
	rate, h, err := syncRate(ctx, r.dir, 2*time.Second)
	if err != nil {
		return err
	}
	report.add("fdatasync", "4 KiB 追加并 fdatasync", rate, "次/秒")
	report.add("fdatasync_p50_ms", "fdatasync p50", float64(h.ValueAtQuantile(50))/1000, "ms")
	report.add("fdatasync_p99_ms", "fdatasync p99", float64(h.ValueAtQuantile(99))/1000, "ms")
	return nil
}
