package rule

import (
	"math"
	"strings"
)

// Schema names the relations of other packages that the SQL form reads. Each is a table name, or a
// SELECT in parentheses that gives the columns listed (qualified, as in s.at: DuckDB keeps a bare at for
// itself). No column listed is NULL.
type Schema struct {
	Contacts   string // id, created_at, last_active_at, consent_mask (see contact.Consents), merged_into (0 for a person in use)
	Alias      string // old_id, kept_id: kept_id is always the person in use now
	Values     string // contact_id, field, num, norm
	Identities string // contact_id (who it came by; read through Alias), kind
	Staff      string // contact_id, corp_id, user_id, added_at, removed_at (0: friends), removed_by
	Follows    string // contact_id, app_id, followed_at, unfollowed_at (0: follows)
	Events     string // id, contact_id (who it came by; read through Alias), type, at, account, staff, object_type, object_id, props
	Tags       string // contact_id, tag_id, at, source, expires_at (0: for ever)
	Scores     string // contact_id, model_id, value in the units of the day that is asked about (see ScoreDef)
	Stages     string // contact_id, stage, at; no row before the first stage
	Windows    string // contact_id, app_id, message_until, message_left, action_until, action_left, closed_by (0: not before its time)
	Balances   string // contact_id, account, template, kind (see Balance), n: what is left, Unlimited where it is long-term
}

// writer collects SQL text and arguments. The row of Schema.Contacts in question is c; every subquery
// has its own names.
type writer struct {
	strings.Builder
	schema *Schema
	at     moment
	args   []any
}

func (w *writer) put(parts ...string) {
	for _, s := range parts {
		w.WriteString(s)
	}
}

// arg writes a placeholder.
func (w *writer) arg(v any) {
	w.WriteByte('?')
	w.args = append(w.args, v)
}

// in writes "expr IN (?, …)", or what is always false for no values.
func in[T any](w *writer, expr string, values []T) {
	switch len(values) {
	case 0:
		w.put("1 = 0")
	case 1:
		w.put(expr, " = ")
		w.arg(values[0])
	default:
		w.put(expr, " IN (")
		for i, v := range values {
			if i > 0 {
				w.WriteByte(',')
			}
			w.arg(v)
		}
		w.put(")")
	}
}

// within writes that an expression lies in one of the spans.
func (w *writer) within(expr string, list spans) {
	if points, ok := list.points(); ok {
		in(w, expr, points)
		return
	}
	w.put("(")
	for i, s := range list {
		if i > 0 {
			w.put(" OR ")
		}
		switch {
		case s.lo == math.MinInt64 && s.hi == math.MaxInt64:
			w.put("1 = 1")
		case s.lo == math.MinInt64:
			w.put(expr, " <= ")
			w.arg(s.hi)
		case s.hi == math.MaxInt64:
			w.put(expr, " >= ")
			w.arg(s.lo)
		default:
			w.put(expr, " BETWEEN ")
			w.arg(s.lo)
			w.put(" AND ")
			w.arg(s.hi)
		}
	}
	w.put(")")
}

// exists writes an EXISTS over rows of the person. on follows "WHERE x.contact_id = c.id" and may be nil.
func (w *writer) exists(relation string, on func()) {
	w.put("EXISTS (SELECT 1 FROM ", relation, " x WHERE x.contact_id = c.id")
	if on != nil {
		on()
	}
	w.put(")")
}

// spans is a set of whole numbers: inclusive ranges, rising, apart from each other.
type spans []span

type span struct{ lo, hi int64 }

var everything = spans{{math.MinInt64, math.MaxInt64}}

func one(lo, hi int64) spans {
	if lo > hi {
		return nil
	}
	return spans{{lo, hi}}
}

func (s spans) has(n int64) bool {
	lo, hi := 0, len(s)
	for lo < hi { // the last span that begins at or before n
		if mid := (lo + hi) / 2; s[mid].lo <= n {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo > 0 && n <= s[lo-1].hi
}

// others is the complement.
func (s spans) others() spans {
	var out spans
	next := int64(math.MinInt64)
	for _, x := range s {
		if x.lo > next {
			out = append(out, span{next, x.lo - 1})
		}
		if x.hi == math.MaxInt64 {
			return out
		}
		next = x.hi + 1
	}
	return append(out, span{next, math.MaxInt64})
}

// points lists the numbers when every span is a single one.
func (s spans) points() ([]int64, bool) {
	out := make([]int64, 0, len(s))
	for _, x := range s {
		if x.lo != x.hi {
			return nil, false
		}
		out = append(out, x.lo)
	}
	return out, true
}
