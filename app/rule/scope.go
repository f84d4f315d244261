package rule

import (
	"math"
	"time"

	"github.com/koi-scrm/koi/app/contact"
)

// Scope gives the names in a tree their meaning when it is decoded. The caller fills it from the
// definitions of the day; a Tree keeps what it resolved, so it must be decoded again when a definition
// it names changes.
type Scope struct {
	Zone   *time.Location           // the business zone: calendar days are days there
	Fields map[string]contact.Field // by field key, standard ones included
	Tags   map[string]TagDef        // by tag key
	Scores map[string]ScoreDef      // by score model key
	Stages map[string]string        // stage key → Chinese name
	Events map[string]string        // event type → Chinese name; custom.* types the user defined included
	Grid   *Grid                    // nil while there is none: grid leaves are then refused
	// StaffName gives the name of a staff member for traces; nil or "" shows the userid.
	StaffName func(corpID, userID string) string
}

// TagDef is a tag definition as a condition needs it.
type TagDef struct {
	ID    int64
	Label string
}

// ScoreDef is a score model as a condition needs it: how its stored numbers become points.
//
// A stored score is forward-decayed: points added on day d are stored multiplied by
// 2^((d−BaseDay)/HalfLife), so the points of any day are stored ÷ 2^((day−BaseDay)/HalfLife), and
// "points ≥ n today" compares stored numbers with one constant.
type ScoreDef struct {
	ID       int64
	Label    string
	HalfLife int   // days until a point is worth half; 0: points do not decay
	BaseDay  int32 // calendar day whose factor is 1 (see clock.Day)
	Min, Max int64 // whole points a score is shown within; both 0: unbounded
}

// Micro is one point in the stored fixed point.
const Micro = 1_000_000

// Factor is what points of the day are multiplied by to be stored.
func (s ScoreDef) Factor(day int32) float64 {
	if s.HalfLife <= 0 {
		return 1
	}
	return math.Exp2(float64(day-s.BaseDay) / float64(s.HalfLife))
}

// AtLeast returns the smallest stored number that is worth the given micro points on the day.
func (s ScoreDef) AtLeast(micro int64, day int32) int64 {
	v := math.Ceil(float64(micro) * s.Factor(day))
	switch {
	case v >= math.MaxInt64:
		return math.MaxInt64
	case v <= math.MinInt64:
		return math.MinInt64
	}
	return int64(v)
}

// Points returns what a stored number is worth on the day, in micro points, within Min and Max.
func (s ScoreDef) Points(stored int64, day int32) int64 {
	v := int64(math.Floor(float64(stored) / s.Factor(day)))
	if s.Min != 0 || s.Max != 0 {
		v = min(max(v, s.Min*Micro), s.Max*Micro)
	}
	return v
}

// Grid cuts two scores into fit A..D and intent 1..4.
type Grid struct {
	Fit, Intent string   // score model keys
	FitCuts     [3]int64 // whole points from which the fit is A, B, C; below it is D
	IntentCuts  [3]int64 // whole points from which the intent is 1, 2, 3; below it is 4
}
