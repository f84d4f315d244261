package contact

// Person is one person as stages and rules see them: loaded once per batch, changed in memory, written
// by Flush. Times are Unix milliseconds.
type Person struct {
	ID         int64
	CreatedAt  int64
	LastActive int64
	// Values holds standard and custom fields by key; absence means 为空. Phone and e-mail never stand
	// here in clear: HasPhone, HasEmail and the helper fields email_domain and phone_region do.
	Values map[string]Value
	// Identities by id, without personal values (phone and e-mail carry Value ""). These three are in one order
	// whatever batch brought them, since some take the first of them.
	Identities []PersonIdentity
	Staff      []StaffLink // by corp and userid
	Follows    []Follow    // by AppID
	// Consents is what the person agreed to, refused and unsubscribed from.
	Consents Consents
	// Excluded: own staff, own domain's e-mail, competitor and test lists: not scored, no lead, no alert.
	Excluded bool

	New bool // made in this batch
	// Changes counts what changed about the person in this batch: fields, identities, friendships, follows,
	// exclusion, merges. A later stage that concludes something from them asks again when it moved.
	Changes int

	olds  []int64 // contacts merged into this one
	moved dirt    // what Flush has to write
}

// dirt says which parts of a person changed in this batch.
type dirt struct {
	row    bool
	values map[string]bool
	staff  map[[2]string]bool // corp and userid
	follow map[string]bool    // AppID
}

// Follow is a person's relation to one official account.
type Follow struct {
	AppID        string
	FollowedAt   int64
	UnfollowedAt int64 // 0 while they follow
}

// Active reports whether the person follows now.
func (f Follow) Active() bool { return f.UnfollowedAt == 0 }

// Follow returns the person's relation to an account; one they never had is not active.
func (p *Person) Follow(app string) Follow {
	for _, f := range p.Follows {
		if f.AppID == app {
			return f
		}
	}
	return Follow{AppID: app, UnfollowedAt: 1}
}

// PersonIdentity is one identity of a person.
type PersonIdentity struct {
	ID    int64
	Kind  string
	Scope string
	Value string // "" for sealed kinds
	// Verified is as in event.Identity.
	Verified bool

	box []byte // the sealed value as it is stored; see Stage.Sealed
}

// FieldType is how a field's values are stored, compared and edited.
type FieldType string

// The field types.
const (
	Text   FieldType = "text"
	Number FieldType = "number" // integer: money in 分, shares in 10⁻⁴, never floating point
	Date   FieldType = "date"   // days since 1970-01-01
	Bool   FieldType = "bool"
	Choice FieldType = "choice" // one of the field's options, by key
)

// Value is one field value. Text compares on Norm (NFKC, trimmed, lower case).
type Value struct {
	Num  int64
	Text string
	Norm string
	At   int64 // when it was set
}

// StaffLink is the WeCom friendship of a person with a staff member.
type StaffLink struct {
	CorpID    string
	UserID    string
	AddedAt   int64
	RemovedAt int64  // 0 while they are friends
	RemovedBy string // "staff", "customer", or "" when nobody told
	State     string // channel code of the 联系我 way
}

// Friend reports whether the link is alive.
func (l StaffLink) Friend() bool { return l.RemovedAt == 0 }

// Contacts are the ids the person's history stands under: its own and those merged into it.
func (p *Person) Contacts() []int64 { return append([]int64{p.ID}, p.olds...) }

// Has reports whether the person has an identity of the kind (and scope, unless "").
func (p *Person) Has(kind, scope string) bool { return p.Identity(kind, scope) != nil }

// Identity returns the person's first identity of the kind (and scope, unless ""), or nil.
func (p *Person) Identity(kind, scope string) *PersonIdentity {
	for i := range p.Identities {
		if id := &p.Identities[i]; id.Kind == kind && (scope == "" || id.Scope == scope) {
			return id
		}
	}
	return nil
}
