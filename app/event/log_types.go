package event

// Appended is the log's answer for one event.
type Appended struct {
	Seq    int64
	Repeat bool // the same fact was appended before; Seq is the first one's
}
