package outbox

// pause keeps an account's API from being asked until the platform's quota is back.
type pause struct {
	until  int64 // business time
	code   int
	detail string
	at     int64
	dirty  bool
}

// alarmKind tells alarms of one account apart.
type alarmKind string

const (
	alarmMisset  alarmKind = "misconfigured" // the platform refuses our configuration
	alarmUnknown alarmKind = "unknown"       // messages expired without anyone knowing whether they arrived
)

type alarmKey struct {
	queueKey
	kind alarmKind
}

// alarm is something an operator has to see to.
type alarm struct {
	code      int
	detail    string
	firstAt   int64
	lastAt    int64
	count     int
	clearedAt int64 // 0 while it stands
	dirty     bool
}

// alarm raises an alarm, or counts it up while it stands.
func (s *Stage) alarm(r *row, kind alarmKind, detail string) {
	k := alarmKey{r.place(), kind}
	a := s.alarms[k]
	if a == nil || a.clearedAt > 0 {
		a = &alarm{firstAt: s.now}
		s.alarms[k] = a
	}
	a.code, a.detail, a.lastAt, a.count, a.dirty = r.code, detail, s.now, a.count+1, true
}

// calm takes a configuration alarm back: the platform took a message of the account.
func (s *Stage) calm(r *row) {
	if a := s.alarms[alarmKey{r.place(), alarmMisset}]; a != nil && a.clearedAt == 0 {
		a.clearedAt, a.dirty = s.now, true
	}
}
