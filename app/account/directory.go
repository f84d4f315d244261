package account

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/secret"
	"github.com/koi-scrm/koi/configs"
)

// Directory holds the platform accounts. Looking one up costs no query and is safe from any goroutine;
// changes, ours and other nodes', replace the whole picture at once. Where the file and the console name
// the same account, the file wins.
type Directory struct {
	store store
	clk   clock.Clock

	mu       sync.Mutex // one reload or change at a time
	file     []record
	watchers []func()

	view atomic.Pointer[view]
}

// view is the directory at one moment; it is never changed.
type view struct {
	officials map[string]Official
	wecoms    map[string]WeCom
	minis     map[string]Mini
	smses     map[string]SMS
	entries   []Entry
	revs      map[string]int64 // of the stored rows
}

// Entry is an account as it is shown: which secrets are set, never what they are.
type Entry struct {
	Kind        Kind
	ID          string
	AppID       string
	CorpID      string
	AgentID     int
	SignName    string // SMS only
	AccessKeyID string // SMS only, masked: enough to tell two keys apart
	Name        string
	Mode        Mode
	Secrets     []string // keys that hold a value: app_secret, agent_secret, contact_secret, token, aes_key, access_key_secret, receipt_token
	ReadOnly    bool     // from the configuration file
	Problem     string   // Chinese; "" when the account is usable
	Rev         int64    // rises with every change; 0 for the file's
	UpdatedAt   int64    // wall time, Unix ms; 0 for the file's
	UpdatedBy   string
}

// Change adds or edits an account in the console. A nil field stays as it was; in a new account it is empty.
type Change struct {
	Seen          int64 // the Rev the editor saw; 0: whatever is stored
	Kind          Kind
	App           string // AppID, CorpID or the signature
	AgentID       int    // WeCom only
	Name          *string
	Mode          *Mode // official accounts and mini-programs only
	Secret        *string
	ContactSecret *string // WeCom only
	Token         *string // for SMS the receipt token
	AESKey        *string
	AccessKeyID   *string // SMS only
}

// New makes a directory of the file's accounts, which configs.Validate has checked; Reload adds the stored ones.
func New(stores *db.Stores, keys *secret.Keys, clk clock.Clock, file configs.Accounts) *Directory {
	d := &Directory{store: store{db: stores.Koi, keys: keys}, clk: clk, file: fromFile(file)}
	d.view.Store(picture(d.file, nil))
	return d
}

// Official returns an official account by AppID.
func (d *Directory) Official(appID string) (Official, bool) {
	o, ok := d.view.Load().officials[appID]
	return o, ok
}

// WeCom returns a WeCom app.
func (d *Directory) WeCom(corpID string, agentID int) (WeCom, bool) {
	return d.WeComByID(WeCom{CorpID: corpID, AgentID: agentID}.ID())
}

// WeComByID returns a WeCom app by "CorpID/AgentID".
func (d *Directory) WeComByID(id string) (WeCom, bool) {
	w, ok := d.view.Load().wecoms[id]
	return w, ok
}

// Officials returns all official accounts, by AppID.
func (d *Directory) Officials() []Official {
	v := d.view.Load()
	list := make([]Official, 0, len(v.officials))
	for _, o := range v.officials {
		list = append(list, o)
	}
	slices.SortFunc(list, func(a, b Official) int { return cmp.Compare(a.AppID, b.AppID) })
	return list
}

// WeComs returns all WeCom apps, by corp and agent.
func (d *Directory) WeComs() []WeCom {
	v := d.view.Load()
	list := make([]WeCom, 0, len(v.wecoms))
	for _, w := range v.wecoms {
		list = append(list, w)
	}
	slices.SortFunc(list, func(a, b WeCom) int {
		return cmp.Or(cmp.Compare(a.CorpID, b.CorpID), cmp.Compare(a.AgentID, b.AgentID))
	})
	return list
}

// Mini returns a mini-program by AppID.
func (d *Directory) Mini(appID string) (Mini, bool) {
	m, ok := d.view.Load().minis[appID]
	return m, ok
}

// Minis returns all mini-programs, by AppID.
func (d *Directory) Minis() []Mini {
	return slices.SortedFunc(maps.Values(d.view.Load().minis), func(a, b Mini) int { return cmp.Compare(a.AppID, b.AppID) })
}

// SMS returns an SMS account by its signature.
func (d *Directory) SMS(sign string) (SMS, bool) {
	s, ok := d.view.Load().smses[sign]
	return s, ok
}

// SMSes returns all SMS accounts, by signature.
func (d *Directory) SMSes() []SMS {
	return slices.SortedFunc(maps.Values(d.view.Load().smses), func(a, b SMS) int { return cmp.Compare(a.SignName, b.SignName) })
}

// SMSByReceiptToken returns the account whose receipts come to the address with this token. The token is
// all that protects that address, so every account's is compared, each in constant time.
func (d *Directory) SMSByReceiptToken(token string) (SMS, bool) {
	var found SMS
	ok := false
	for _, s := range d.SMSes() {
		if s.ReceiptToken != "" && subtle.ConstantTimeCompare([]byte(s.ReceiptToken), []byte(token)) == 1 {
			found, ok = s, true
		}
	}
	return found, ok
}

// List returns every account as it is shown, the unusable ones too, by kind and id.
func (d *Directory) List() []Entry { return slices.Clone(d.view.Load().entries) }

// Get returns one account as it is shown. Fault: NotFound.
func (d *Directory) Get(kind Kind, id string) (Entry, error) {
	for _, e := range d.view.Load().entries {
		if e.Kind == kind && e.ID == id {
			return e, nil
		}
	}
	return Entry{}, notFound(id)
}

// Credentials lists what the account's tokens are fetched with: one, two for a WeCom app with a separate
// 客户联系 secret, none for SMS, which has no tokens. Fault: NotFound.
func (d *Directory) Credentials(kind Kind, id string) ([]Credential, error) {
	v := d.view.Load()
	if o, ok := v.officials[id]; ok && kind == KindOfficial {
		return []Credential{o.Credential()}, nil
	}
	if w, ok := v.wecoms[id]; ok && kind == KindWeCom {
		if w.ContactSecret != "" {
			return []Credential{w.Credential(), w.ContactCredential()}, nil
		}
		return []Credential{w.Credential()}, nil
	}
	if m, ok := v.minis[id]; ok && kind == KindMini {
		return []Credential{m.Credential()}, nil
	}
	if _, ok := v.smses[id]; ok && kind == KindSMS {
		return nil, nil
	}
	return nil, notFound(id)
}

func notFound(id string) error {
	return fault.New(fault.NotFound, "没有账号 %s：请到「设置 → 平台账号」查看", id)
}

// OnChange registers f to be called after accounts were added, changed or removed. It must not block.
func (d *Directory) OnChange(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.watchers = append(d.watchers, f)
}

// Add stores a new account. An SMS account without a receipt token gets a random one. Faults: Invalid with
// every problem; Conflict when it exists, in the file or stored.
func (d *Directory) Add(ctx context.Context, c Change, by string) (Entry, error) {
	r := c.apply(record{Kind: c.Kind, App: c.App, AgentID: c.AgentID}).tidy()
	if r.Kind == KindSMS && r.Token == "" {
		r.Token = rand.Text()
	}
	if err := fault.Problems("账号没有保存，请改正标出的几项", r.check()); err != nil {
		return Entry{}, err
	}
	return d.change(ctx, r.Kind, r.id(), func(tx *db.Tx) error {
		_, exists, err := d.store.load(ctx, tx, r.Kind, r.id())
		if err != nil {
			return err
		}
		if exists {
			return fault.New(fault.Conflict, "账号 %s 已经存在：请直接编辑它", r.id())
		}
		if err := d.receiptTokenTaken(ctx, tx, r); err != nil {
			return err
		}
		return d.store.save(ctx, tx, stored{record: r, updatedAt: clock.Ms(d.clk.Wall()), updatedBy: by})
	})
}

// Edit changes a stored account. Faults: Invalid; NotFound; Conflict for an account of the configuration file,
// and one that is no longer as the editor saw it (fault.ErrOvertaken).
func (d *Directory) Edit(ctx context.Context, c Change, by string) (Entry, error) {
	key := record{Kind: c.Kind, App: c.App, AgentID: c.AgentID}
	return d.change(ctx, c.Kind, key.id(), func(tx *db.Tx) error {
		// Another node may edit it at the same time: who comes second sees what the first one stored.
		if _, err := tx.Exec(ctx, "UPDATE accounts SET rev=rev WHERE kind=? AND id=?", c.Kind, key.id()); err != nil {
			return fmt.Errorf("lock account %s: %w", key.id(), err)
		}
		old, ok, err := d.store.load(ctx, tx, c.Kind, key.id())
		if err != nil {
			return err
		}
		if !ok {
			return notFound(key.id())
		}
		if c.Seen != 0 && c.Seen != old.rev {
			return fault.Wrap(fault.ErrOvertaken, fault.Conflict, "%s 刚改过这个账号：您的修改没有保存，请看过最新内容再改", strings.TrimPrefix(old.updatedBy, "user:"))
		}
		if old.problem != "" {
			old.record = key // cannot be opened: everything is entered anew
		}
		r := c.apply(old.record).tidy()
		if err := fault.Problems("账号没有保存，请改正标出的几项", r.check()); err != nil {
			return err
		}
		if err := d.receiptTokenTaken(ctx, tx, r); err != nil {
			return err
		}
		return d.store.save(ctx, tx, stored{record: r, rev: old.rev, updatedAt: clock.Ms(d.clk.Wall()), updatedBy: by})
	})
}

// Delete removes a stored account and its tokens. Faults: NotFound; Conflict for an account of the configuration file.
func (d *Directory) Delete(ctx context.Context, kind Kind, id string) error {
	_, err := d.change(ctx, kind, id, func(tx *db.Tx) error {
		ok, err := d.store.remove(ctx, tx, kind, id)
		if err == nil && !ok {
			return notFound(id)
		}
		return err
	})
	return err
}

// change runs fn in a transaction and shows the result at once on this node.
func (d *Directory) change(ctx context.Context, kind Kind, id string, fn func(tx *db.Tx) error) (Entry, error) {
	d.mu.Lock()
	for _, r := range d.file {
		if r.Kind == kind && r.id() == id {
			d.mu.Unlock()
			return Entry{}, fault.New(fault.Conflict, "账号 %s 写在配置文件里，这里只能查看：请改配置文件后重新加载", id)
		}
	}
	err := d.store.db.Tx(ctx, fn)
	d.mu.Unlock()
	if err != nil {
		return Entry{}, err
	}
	if err := d.Reload(ctx); err != nil {
		return Entry{}, err
	}
	e, _ := d.Get(kind, id) // after Delete there is none
	return e, nil
}

// receiptTokenTaken refuses a receipt token that another SMS account has, in the file or stored: receipts
// could not be told apart.
func (d *Directory) receiptTokenTaken(ctx context.Context, tx *db.Tx, r record) error {
	if r.Kind != KindSMS || r.Token == "" {
		return nil
	}
	rows, err := d.store.listTx(ctx, tx)
	if err != nil {
		return err
	}
	others := slices.Clone(d.file)
	for _, s := range rows {
		others = append(others, s.record)
	}
	for _, o := range others {
		if o.Kind == KindSMS && o.id() != r.id() && o.Token == r.Token {
			return fault.Problems("账号没有保存，请改正标出的几项",
				[]fault.Problem{{Path: "receipt_token", Message: "这个回执密串已被签名「" + o.id() + "」使用：请换一串，或留空自动生成"}})
		}
	}
	return nil
}

func (c Change) apply(r record) record {
	set := func(to *string, v *string) {
		if v != nil {
			*to = *v
		}
	}
	set(&r.Name, c.Name)
	set(&r.Secret, c.Secret)
	set(&r.ContactSecret, c.ContactSecret)
	set(&r.Token, c.Token)
	set(&r.AESKey, c.AESKey)
	set(&r.AccessKeyID, c.AccessKeyID)
	if c.Mode != nil {
		r.Mode = *c.Mode
	}
	return r
}

// Use replaces the accounts of the configuration file (SIGHUP).
func (d *Directory) Use(ctx context.Context, file configs.Accounts) error {
	d.mu.Lock()
	d.file = fromFile(file)
	d.mu.Unlock()
	return d.Reload(ctx)
}

// Reload reads the stored accounts and tells OnChange's functions.
func (d *Directory) Reload(ctx context.Context) error {
	d.mu.Lock()
	rows, err := d.store.list(ctx)
	if err != nil {
		d.mu.Unlock()
		return err
	}
	d.view.Store(picture(d.file, rows))
	watchers := slices.Clone(d.watchers)
	d.mu.Unlock()
	for _, f := range watchers {
		f()
	}
	return nil
}

// lookEvery is how soon a change made on another node shows here.
const lookEvery = 5 * time.Second

// Run takes over what other nodes change, until ctx ends.
func (d *Directory) Run(ctx context.Context) error {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			if err := d.look(ctx); err != nil && ctx.Err() == nil {
				slog.Warn("读取平台账号失败，稍后重试", "err", err)
			}
		}
	}
}

// look reloads when the stored rows are not those of the view.
func (d *Directory) look(ctx context.Context) error {
	revs, err := d.store.revs(ctx)
	if err != nil {
		return err
	}
	seen := d.view.Load().revs
	same := len(revs) == len(seen)
	for id, rev := range revs {
		same = same && seen[id] == rev
	}
	if same {
		return nil
	}
	return d.Reload(ctx)
}

func picture(file []record, rows []stored) *view {
	v := &view{officials: map[string]Official{}, wecoms: map[string]WeCom{}, minis: map[string]Mini{}, smses: map[string]SMS{},
		revs: map[string]int64{}}
	taken := map[string]bool{}
	put := func(r record, e Entry) {
		key := string(r.Kind) + " " + r.id()
		if taken[key] {
			return
		}
		taken[key] = true
		v.entries = append(v.entries, e)
		if e.Problem != "" {
			return
		}
		switch r.Kind {
		case KindWeCom:
			v.wecoms[r.id()] = r.wecom()
		case KindMini:
			v.minis[r.id()] = r.mini()
		case KindSMS:
			v.smses[r.id()] = r.sms()
		case KindOfficial:
			v.officials[r.id()] = r.official()
		}
	}
	for _, r := range file {
		e := r.entry()
		e.ReadOnly = true
		put(r, e)
	}
	for _, s := range rows {
		v.revs[s.key()] = s.rev
		e := s.record.entry()
		e.Problem, e.Rev, e.UpdatedAt, e.UpdatedBy = s.problem, s.rev, s.updatedAt, s.updatedBy
		put(s.record, e)
	}
	slices.SortFunc(v.entries, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
	})
	return v
}

func (r record) entry() Entry {
	e := Entry{Kind: r.Kind, ID: r.id(), Name: r.Name, Mode: r.Mode}
	secretKey, tokenKey := "app_secret", "token"
	switch r.Kind {
	case KindWeCom:
		e.CorpID, e.AgentID, secretKey = r.App, r.AgentID, "agent_secret"
	case KindSMS:
		e.SignName, e.AccessKeyID, secretKey, tokenKey = r.App, masked(r.AccessKeyID), "access_key_secret", "receipt_token"
	default:
		e.AppID = r.App
	}
	for _, s := range []struct{ key, value string }{
		{secretKey, r.Secret}, {"contact_secret", r.ContactSecret}, {tokenKey, r.Token}, {"aes_key", r.AESKey},
	} {
		if s.value != "" {
			e.Secrets = append(e.Secrets, s.key)
		}
	}
	return e
}

// masked leaves the ends of a key's name.
func masked(s string) string {
	if len(s) <= 8 {
		return "****"
	}
	return s[:4] + "****" + s[len(s)-4:]
}
