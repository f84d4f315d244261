package db

// Statement is one statement as it went to the database.
type Statement struct {
	Query string
	Args  []any
	Read  bool // it returns rows
}

// Watch calls f with the statements of every transaction that committed, in order, and with each read
// outside of one by itself; nil ends it. For measuring: what was watched can be run again on a copy, bare.
// The arguments are those of the call and may be personal data. f is called from several goroutines.
func (d *DB) Watch(f func([]Statement)) {
	if f == nil {
		d.watch.Store(nil)
		return
	}
	d.watch.Store(&f)
}

// note keeps a statement while somebody watches.
func (t *Tx) note(query string, args []any, read bool) {
	if t.db.watch.Load() != nil {
		t.watched = append(t.watched, Statement{query, args, read})
	}
}

func (t *Tx) committed() {
	if f := t.db.watch.Load(); f != nil && len(t.watched) > 0 {
		(*f)(t.watched)
	}
}

func (d *DB) note(query string, args []any) {
	if f := d.watch.Load(); f != nil {
		(*f)([]Statement{{query, args, true}})
	}
}
