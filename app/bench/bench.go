// Package bench measures Koi on the machine it runs on: what the doors admit, what the pipeline digests,
// how long a message waits, and how that compares with what the same disk and database do without Koi, in
// the same run. Figures from different machines say little; the ratios do.
//
// The server under load is the real one, `koi serve` as a process of its own, with the platforms played by
// `koi simulate` in another; the load comes from this process, open loop, and a latency counts from the
// moment a request was due, not from when a busy load generator got round to it. Rows are counted in the
// tables afterwards. Everything is on loopback, bounded in time and number, and cleaned up by process id.
//
// It refuses to know how Koi works inside: it speaks the doors' protocol like a platform, writes people
// into the tables like an import, and reads /metrics, /proc and the tables like an operator.
package bench

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/fault"
)

// Options say what to measure on and how much.
type Options struct {
	Koi    string    // the koi program; empty: the one that runs now
	Driver db.Engine // sqlite (default) or mysql
	DSN    string    // with mysql: any database of a server where one may create databases
	// Dir keeps the data for another run instead of using a temporary directory; with mysql it is ignored.
	Dir string

	People  int           // people in the store before
	Events  int           // of the backlog the pipeline works off
	Rate    int           // offered, per second; 0: each benchmark's own
	Seconds int           // of load at a rate
	Limit   time.Duration // for everything together; 0: an hour
	Notes   io.Writer     // progress for people; nil: none

	calm time.Duration // without work before Koi counts as idle
}

// Bounds keep a mistyped number from filling the disk.
const (
	maxPeople  = 20_000_000
	maxEvents  = 10_000_000
	maxRate    = 200_000
	maxSeconds = 600
)

func (o *Options) check() error {
	if o.Driver == "" {
		o.Driver = db.SQLite
	}
	if o.Notes == nil {
		o.Notes = io.Discard
	}
	if o.Limit == 0 {
		o.Limit = time.Hour
	}
	if o.calm == 0 {
		o.calm = 3 * time.Second
	}
	switch {
	case o.Driver != db.SQLite && o.Driver != db.MySQL:
		return fault.New(fault.Invalid, "--driver 只能是 sqlite 或 mysql")
	case o.Driver == db.MySQL && o.DSN == "":
		return fault.New(fault.Invalid, "--driver mysql 需要 --dsn，如 root:pw@tcp(127.0.0.1:3306)/：压测会新建一个数据库，结束后删掉")
	case o.People < 0 || o.People > maxPeople:
		return fault.New(fault.Invalid, "--people 应在 0 到 %d 之间", maxPeople)
	case o.Events < 0 || o.Events > maxEvents:
		return fault.New(fault.Invalid, "--events 应在 0 到 %d 之间", maxEvents)
	case o.Rate < 0 || o.Rate > maxRate:
		return fault.New(fault.Invalid, "--rate 应在 0 到 %d 之间", maxRate)
	case o.Seconds < 0 || o.Seconds > maxSeconds || o.Rate*o.Seconds > maxEvents:
		return fault.New(fault.Invalid, "--seconds 应在 0 到 %d 之间，总数不超过 %d", maxSeconds, maxEvents)
	}
	return nil
}

func (o *Options) note(format string, args ...any) {
	fmt.Fprintf(o.Notes, format+"\n", args...)
}

// run gives a benchmark its rig and report, and takes the rig down whatever happens.
func run(ctx context.Context, name string, o Options, do func(context.Context, *rig, *Report) error) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.Limit)
	defer cancel()
	report := newReport(name, o)
	r, err := newRig(ctx, o)
	if err != nil {
		return nil, err
	}
	err = do(ctx, r, report)
	if closing := r.close(); err == nil {
		err = closing
	}
	return report, err
}
