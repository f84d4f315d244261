package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// usage is what the kernel says a process took so far.
type usage struct {
	cpu     time.Duration // user and system
	rss     int64         // bytes now
	peak    int64         // bytes at most
	written int64         // bytes that went, or will go, to the disk
}

// selfPid is this process.
var selfPid = os.Getpid()

// clockTick is USER_HZ: 100 on every Linux Go runs on.
const clockTick = 100

// usageOf reads /proc/PID. A process that is gone took nothing.
func usageOf(pid int) usage {
	var u usage
	dir := "/proc/" + strconv.Itoa(pid) + "/"
	if raw, err := os.ReadFile(dir + "stat"); err == nil {
		// The name, which may hold blanks, stands in parentheses; utime and stime are fields 14 and 15.
		f := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
		if len(f) > 12 {
			user, _ := strconv.ParseInt(f[11], 10, 64)
			system, _ := strconv.ParseInt(f[12], 10, 64)
			u.cpu = time.Duration(user+system) * time.Second / clockTick
		}
	}
	status := procFields(dir + "status")
	u.rss, u.peak = status["VmRSS"]*1024, status["VmHWM"]*1024
	u.written = procFields(dir + "io")["write_bytes"]
	return u
}

// procFields reads "name: number …" lines.
func procFields(path string) map[string]int64 {
	out := map[string]int64{}
	raw, _ := os.ReadFile(path)
	for line := range strings.Lines(string(raw)) {
		name, rest, ok := strings.Cut(line, ":")
		if f := strings.Fields(rest); ok && len(f) > 0 {
			if n, err := strconv.ParseInt(f[0], 10, 64); err == nil {
				out[name] = n
			}
		}
	}
	return out
}

// megabytes for people.
func megabytes(n int64) float64 { return float64(n) / (1 << 20) }

// sizeOf adds up the files of a directory whose names have a prefix.
func sizeOf(dir string, names ...string) int64 {
	var n int64
	for _, name := range names {
		for _, tail := range []string{"", "-wal"} {
			if info, err := os.Stat(fmt.Sprintf("%s/%s%s", dir, name, tail)); err == nil {
				n += info.Size()
			}
		}
	}
	return n
}
