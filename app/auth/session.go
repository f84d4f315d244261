package auth

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/fault"
)

const (
	// A session ends after sessionLife at the latest, and sessionIdle after it was last used.
	sessionLife = 7 * 24 * time.Hour
	sessionIdle = 24 * time.Hour
	// Use is noted at most this often: one write for many requests.
	sessionNote = 10 * time.Minute
)

// Session is a signed-in user.
type Session struct {
	Token   string // for the cookie; nobody else gets it
	Expires time.Time
	CSRF    string // what a page of ours knows and a foreign one does not; sent with every change
	Principal
}

// What stands in a session.
const (
	userKey  = "user"
	epochKey = "epoch"
	csrfKey  = "csrf"
	seenKey  = "seen"
)

// Attempt is somebody at the door.
type Attempt struct {
	Login    string
	Password string
	Place    string // address it comes from
}

// SignIn starts a session. Faults: Denied (name, password or both are wrong, or the user is disabled: the
// answer does not say which), Limited (too many failures; a TooMany says how long to wait), Unavailable.
func (g *Gate) SignIn(ctx context.Context, a Attempt) (Session, error) {
	login := normalLogin(a.Login)
	giveBack, err := g.try(login, a.Place)
	if err != nil {
		return Session{}, err
	}
	u, err := g.userByLogin(ctx, login)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return Session{}, err
	}
	ok, outdated, err := g.matches(ctx, a.Password, u.password)
	if err != nil {
		return Session{}, err
	}
	if !ok || u.Disabled {
		slog.Info("登录失败", "place", a.Place)
		return Session{}, fault.New(fault.Denied, "登录名或密码不对：请检查后重试，忘记密码请联系管理员")
	}
	giveBack()
	if err := g.noteSignIn(ctx, u, a.Password, outdated); err != nil {
		return Session{}, err
	}
	return g.start(ctx, u)
}

// try counts the attempt as a failure until giveBack. Who has shown the password has a clean slate from
// this address; others' failures for the name go on counting.
func (g *Gate) try(login, place string) (giveBack func(), err error) {
	pair := login + "\x00" + place
	undo := []func(){}
	for _, t := range []struct {
		*throttle
		name string
		undo func(*throttle, string)
	}{{g.places, place, (*throttle).giveBack}, {g.pairs, pair, (*throttle).clear}, {g.accounts, login, (*throttle).giveBack}} {
		if wait, ok := t.take(t.name); !ok {
			slog.Warn("登录失败次数过多，已暂缓", "place", place)
			return nil, tooMany(wait)
		}
		undo = append(undo, func() { t.undo(t.throttle, t.name) })
	}
	return func() {
		for _, f := range undo {
			f()
		}
	}, nil
}

// TooMany is a Limited fault that knows how long to wait.
type TooMany struct {
	fault *fault.Error
	Wait  time.Duration
}

func tooMany(wait time.Duration) error {
	wait = wait.Truncate(time.Second) + time.Second
	return &TooMany{fault.New(fault.Limited, "登录失败次数过多：请 %d 秒后再试", int(wait.Seconds())), wait}
}

func (e *TooMany) Error() string { return e.fault.Error() }
func (e *TooMany) Unwrap() error { return e.fault }

// RetryAfter is Wait.
func (e *TooMany) RetryAfter() time.Duration { return e.Wait }

// noteSignIn keeps the time, and a hash of today's strength where the old one is weaker.
func (g *Gate) noteSignIn(ctx context.Context, u User, password string, outdated bool) error {
	hash := u.password
	if outdated {
		var err error
		if hash, err = g.hash(ctx, password); err != nil {
			return err
		}
	}
	return g.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE users SET signed_in_at=?, password=? WHERE id=? AND password=?", g.wall(), hash, u.ID, u.password)
		return err
	})
}

// start makes a session for a user who has proved who they are.
func (g *Gate) start(ctx context.Context, u User) (Session, error) {
	ctx, err := g.sessions.Load(ctx, "")
	if err != nil {
		return Session{}, fmt.Errorf("start session: %w", err)
	}
	csrf := rand.Text()
	g.sessions.Put(ctx, userKey, u.ID)
	g.sessions.Put(ctx, epochKey, u.epoch)
	g.sessions.Put(ctx, csrfKey, csrf)
	g.sessions.Put(ctx, seenKey, g.wall())
	token, expires, err := g.sessions.Commit(ctx)
	if err != nil {
		return Session{}, fmt.Errorf("start session: %w", err)
	}
	return Session{Token: token, Expires: expires, CSRF: csrf, Principal: u.principal()}, nil
}

// Session returns the session of a cookie's token, and notes that it is used. Fault: Denied when it is none,
// is over, or its user may no longer come in.
func (g *Gate) Session(ctx context.Context, token string) (Session, error) {
	s, seen, ctx, err := g.look(ctx, token)
	if err != nil {
		return Session{}, err
	}
	if now := g.wall(); now-seen > sessionNote.Milliseconds() {
		g.sessions.Put(ctx, seenKey, now)
		if _, s.Expires, err = g.sessions.Commit(ctx); err != nil {
			// The session is good; only its use is not noted.
			slog.Warn("会话续期没有写入", "err", err)
		}
	}
	return s, nil
}

// Look is Session without noting use: something that stays open by itself must not keep a session alive.
func (g *Gate) Look(ctx context.Context, token string) (Session, error) {
	s, _, _, err := g.look(ctx, token)
	return s, err
}

func (g *Gate) look(ctx context.Context, token string) (s Session, seen int64, loaded context.Context, err error) {
	none := fault.New(fault.Denied, "还没有登录，或登录已过期：请重新登录")
	ctx, err = g.sessions.Load(ctx, token)
	if err != nil {
		return s, 0, ctx, fmt.Errorf("load session: %w", err)
	}
	id := g.sessions.GetInt64(ctx, userKey)
	if id == 0 {
		return s, 0, ctx, none
	}
	u, err := g.User(ctx, id)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return s, 0, ctx, err
	}
	seen = g.sessions.GetInt64(ctx, seenKey)
	if err != nil || u.Disabled || u.epoch != g.sessions.GetInt64(ctx, epochKey) || g.wall()-seen > sessionIdle.Milliseconds() {
		return s, 0, ctx, errors.Join(none, g.sessions.Destroy(ctx))
	}
	return Session{Token: token, CSRF: g.sessions.GetString(ctx, csrfKey), Principal: u.principal()}, seen, ctx, nil
}

// SignOut ends a session; a token of none does nothing.
func (g *Gate) SignOut(ctx context.Context, token string) error {
	defer g.rights.tell()
	ctx, err := g.sessions.Load(ctx, token)
	if err == nil {
		err = g.sessions.Destroy(ctx)
	}
	if err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// sessionStore keeps scs's sessions in the table sessions; scs gives hashes of tokens.
type sessionStore struct {
	db    *db.DB
	clock clock.Clock
}

// CommitCtx implements scs.CtxStore. scs counts from the machine's clock, the rows go by ours; when a
// session ends is fixed when it begins.
func (s sessionStore) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	at := clock.Ms(s.clock.Wall().Add(time.Until(expiry)))
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		return tx.Upsert(ctx, "sessions", []string{"token"}, []string{"token", "data", "expires_at"}, []string{"data"}, [][]any{{token, data, at}})
	})
}

// FindCtx implements scs.CtxStore.
func (s sessionStore) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	var data []byte
	err := s.db.QueryRow(ctx, "SELECT data FROM sessions WHERE token=? AND expires_at>?", token, clock.Ms(s.clock.Wall())).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	return data, err == nil, err
}

// DeleteCtx implements scs.CtxStore.
func (s sessionStore) DeleteCtx(ctx context.Context, token string) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM sessions WHERE token=?", token)
		return err
	})
}

// Commit implements scs.Store, as do Find and Delete; scs uses those with a context.
func (s sessionStore) Commit(token string, data []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, data, expiry)
}

// Find implements scs.Store.
func (s sessionStore) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

// Delete implements scs.Store.
func (s sessionStore) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }
