package rule

import (
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

// ScoreDef is a score model as a condition needs it. Stored scores are in units that need no touching
// while points fade (scoring says which), so a condition is one comparison with AtLeast.
//
// stored ≥ AtLeast(micro, day) exactly when Worth(stored, day) ≥ micro; micro are 10⁻⁶ points, and stored
// is in the units of that day. Both nil: stored numbers are micro points on every day.
type ScoreDef struct {
	ID      int64
	Label   string
	Max     int64 // whole points above which the score shows as Max; 0: none
	AtLeast func(micro int64, day int32) int64
	Worth   func(stored int64, day int32) int64
	Marks   []string // keys of its thresholds and surges, whose crossing is an event
}

// Micro is one point in 10⁻⁶ points.
const Micro = 1_000_000

// Grid cuts two scores into fit A..D and intent 1..4.
type Grid struct {
	Fit, Intent string   // score model keys
	FitCuts     [3]int64 // whole points from which the fit is A, B, C; below it is D
	IntentCuts  [3]int64 // whole points from which the intent is 1, 2, 3; below it is 4
}
