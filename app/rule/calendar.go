package rule

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// maxDays bounds 最近N天 and 未来N天: two years.
const maxDays = 731

// numberSpans compiles the operators of whole numbers.
func (l *leafNode) numberSpans() (list spans, not bool, phrase string) {
	switch l.op.Editor {
	case EditNumbers:
		a, b := l.pair()
		return one(a, b), false, l.op.Label + " " + itoa(a) + " 到 " + itoa(b)
	case EditNumber:
		n := l.whole("value", l.n.Value)
		phrase = l.op.Label + " " + itoa(n)
		switch l.op.Name {
		case "eq":
			return one(n, n), false, phrase
		case "ne":
			return one(n, n), true, phrase
		case "gt":
			return one(n+1, math.MaxInt64), false, phrase
		case "ge":
			return one(n, math.MaxInt64), false, phrase
		case "lt":
			return one(math.MinInt64, n-1), false, phrase
		case "le":
			return one(math.MinInt64, n), false, phrase
		}
	}
	return l.presence()
}

// presence compiles 为空 and 不为空.
func (l *leafNode) presence() (list spans, not bool, phrase string) {
	return everything, l.op.Name == "empty", l.op.Label
}

// daySpans compiles the operators of dates to spans of calendar days.
func (l *leafNode) daySpans() (at func(day) spans, not bool, phrase string) {
	always := func(s spans) func(day) spans { return func(day) spans { return s } }
	switch l.op.Editor {
	case EditDate:
		d, text := l.date("value", l.n.Value)
		phrase = l.op.Label + " " + text
		switch l.op.Name {
		case "before":
			return always(one(math.MinInt64, d-1)), false, phrase
		case "after":
			return always(one(d+1, math.MaxInt64)), false, phrase
		}
		return always(one(d, d)), false, phrase
	case EditDates:
		a, b, text := l.dates()
		return always(one(a, b)), false, l.op.Label + " " + text
	case EditDays:
		n := l.days("value", l.n.Value)
		phrase = strings.Replace(l.op.Label, "N", itoa(n), 1)
		if l.op.Name == "next" {
			return func(d day) spans { return one(int64(d.n), int64(d.n)+n-1) }, false, phrase
		}
		return func(d day) spans { return one(int64(d.n)-n+1, int64(d.n)) }, l.op.Name == "not_last", phrase
	}
	if l.op.Name == "anniversary" {
		return anniversaries, false, l.op.Label
	}
	list, not, phrase := l.presence()
	return always(list), not, phrase
}

// instantSpans is daySpans for instants: the milliseconds of those days in the business zone.
func (l *leafNode) instantSpans() (at func(day) spans, not bool, phrase string) {
	days, not, phrase := l.daySpans()
	return func(d day) spans {
		var out spans
		for _, s := range days(d) {
			ms := span{math.MinInt64, math.MaxInt64}
			if s.lo != math.MinInt64 {
				ms.lo = d.start(int32(s.lo))
			}
			if s.hi != math.MaxInt64 {
				ms.hi = d.start(int32(s.hi)+1) - 1
			}
			out = append(out, ms)
		}
		return out
	}, not, phrase
}

// Birthdays and the like are looked for this many years back and ahead of today.
const yearsBack, yearsAhead = 150, 50

// anniversaries lists the days of all years whose date is today's. Who was born on 29 February has the
// day on 28 February in other years.
func anniversaries(d day) spans {
	y, m, n := date(int64(d.n))
	var out spans
	for year := y - yearsBack; year <= y+yearsAhead; year++ {
		if m == time.February && n == 29 && !leap(year) {
			continue
		}
		a := dayOf(year, m, n)
		b := a
		if m == time.February && n == 28 && !leap(y) && leap(year) {
			b++
		}
		out = append(out, span{a, b})
	}
	return out
}

// bornBy is the latest birthday of who is at least age years old on the day.
func bornBy(d day, age int64) int64 {
	y, m, n := date(int64(d.n))
	if m == time.February && n == 29 && !leap(y-int(age)) {
		n = 28
	}
	return dayOf(y-int(age), m, n)
}

func leap(year int) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

func date(n int64) (int, time.Month, int) { return time.Unix(n*86_400, 0).UTC().Date() }

func dayOf(y int, m time.Month, d int) int64 {
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86_400
}

func showDate(n int64, _ moment) string { return dateText(n) }

func dateText(n int64) string { return time.Unix(n*86_400, 0).UTC().Format(time.DateOnly) }

func showInstant(ms int64, at moment) string {
	return time.UnixMilli(ms).In(at.day.zone).Format("2006-01-02 15:04")
}

func showNumber(n int64, _ moment) string { return itoa(n) }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
