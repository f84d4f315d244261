package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/fault"
)

// Key lets a program in. Its secret is shown once, when it is made.
type Key struct {
	ID        int64
	Prefix    string // of the secret; tells keys apart in lists and logs
	Name      string
	Role      Role         // what it may, unless it has scopes
	Scopes    []Permission // exactly what it may, where the role says too much
	Staff     string       // "CorpID/userid" of the staff member whose customers it sees; "" for none
	CreatedAt int64
	CreatedBy string
	UsedAt    int64 // to the hour; 0: never
	RevokedAt int64 // 0: good

	hash []byte
}

// Permissions lists what the key may.
func (k Key) Permissions() []Permission {
	if len(k.Scopes) > 0 {
		return slices.Clone(k.Scopes)
	}
	return k.Role.Permissions()
}

// NewKey is a key to be made: with a role, or with scopes.
type NewKey struct {
	Name   string
	Role   Role
	Scopes []Permission
	Staff  string
}

// A key's secret is "koi_", its prefix, "_" and 26 letters and digits, which carry 130 bits. The first
// part lets scanners for leaked secrets know it.
const (
	keyMark    = "koi_"
	prefixSize = 8
	// useNote is how exactly UsedAt is kept: one write for many calls.
	useNote = time.Hour
)

// AddKey makes a key and returns its secret, which is stored as a hash and shown only now.
// Faults: Invalid; Denied when it would be allowed what its maker is not.
func (g *Gate) AddKey(ctx context.Context, n NewKey, by *Principal) (k Key, secret string, err error) {
	n.Name = strings.TrimSpace(n.Name)
	bad := checkName(n.Name)
	switch {
	case len(n.Scopes) > 0 && n.Role != "":
		bad = append(bad, problem("role", "role 和 scopes 只填一个"))
	case len(n.Scopes) == 0:
		bad = append(bad, checkRole(n.Role)...)
	}
	n.Staff = strings.TrimSpace(n.Staff)
	bad = append(bad, checkStaff(n.Staff)...)
	for i, s := range n.Scopes {
		switch {
		case s.Label() == "":
			bad = append(bad, problem(fmt.Sprintf("scopes[%d]", i), "没有权限 %q", s))
		case s == ManageUsers: // it could make an administrator, so it is as much as all of them
			bad = append(bad, problem(fmt.Sprintf("scopes[%d]", i), "「%s」不能单独授予密钥", s.Label()))
		}
	}
	if err := fault.Problems("密钥没有创建，请改正标出的几项", bad); err != nil {
		return Key{}, "", err
	}
	slices.Sort(n.Scopes)
	k = Key{Name: n.Name, Role: n.Role, Scopes: slices.Compact(n.Scopes), Staff: n.Staff, CreatedAt: g.wall(), CreatedBy: by.By()}
	if !by.over(k.Permissions()) || by.Reach() != Everybody && (k.principal().Reach() > by.Reach() || k.Staff != by.Staff) {
		return Key{}, "", fault.New(fault.Denied, "密钥的权限不能超过您自己的权限")
	}
	for range 5 {
		k.Prefix = strings.ToLower(rand.Text()[:prefixSize])
		secret = keyMark + k.Prefix + "_" + strings.ToLower(rand.Text())
		k.hash = digest(secret)
		if err = g.db.Tx(ctx, func(tx *db.Tx) error { return addKeyTx(ctx, tx, &k) }); !errors.Is(err, errTaken) {
			break
		}
	}
	if err != nil {
		return Key{}, "", fmt.Errorf("add key: %w", err)
	}
	return k, secret, nil
}

func addKeyTx(ctx context.Context, tx *db.Tx, k *Key) error {
	var last int64
	if err := tx.QueryRow(ctx, "SELECT COALESCE(MAX(id),0) FROM api_keys").Scan(&last); err != nil {
		return err
	}
	k.ID = last + 1
	made, err := tx.InsertIgnore(ctx, "api_keys", []string{"id", "prefix", "hash", "name", "role", "scopes", "created_at", "created_by", "used_at", "revoked_at", "staff"},
		[][]any{{k.ID, k.Prefix, k.hash, k.Name, string(k.Role), joinScopes(k.Scopes), k.CreatedAt, k.CreatedBy, 0, 0, k.Staff}})
	if err == nil && made == 0 {
		err = errTaken
	}
	return err
}

// Keys lists all keys, also revoked ones, the newest first.
func (g *Gate) Keys(ctx context.Context) ([]Key, error) {
	rows, err := g.db.Query(ctx, keyQuery+" ORDER BY id DESC")
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	var out []Key
	err = db.Each(rows, func(r *sql.Rows) error {
		k, err := scanKey(r.Scan)
		out = append(out, k)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	return out, nil
}

// RevokeKey makes a key useless from now on; twice is once. Fault: NotFound.
func (g *Gate) RevokeKey(ctx context.Context, id int64) error {
	defer g.rights.tell()
	return g.db.Tx(ctx, func(tx *db.Tx) error {
		k, err := scanKey(tx.QueryRow(ctx, keyQuery+" WHERE id=?", id).Scan)
		if errors.Is(err, sql.ErrNoRows) {
			return fault.New(fault.NotFound, "没有这个接口密钥")
		}
		if err != nil || k.RevokedAt > 0 {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE api_keys SET revoked_at=? WHERE id=?", g.wall(), id)
		return err
	})
}

// Key returns who a key's secret stands for. Fault: Denied for a wrong or revoked one.
func (g *Gate) Key(ctx context.Context, secret string) (*Principal, error) {
	wrong := fault.New(fault.Denied, "接口密钥不对或已被吊销：请在「设置 → 接口密钥」检查")
	rest, marked := strings.CutPrefix(secret, keyMark)
	prefix, _, whole := strings.Cut(rest, "_")
	if !marked || !whole || len(prefix) != prefixSize {
		return nil, wrong
	}
	k, err := scanKey(g.db.QueryRow(ctx, keyQuery+" WHERE prefix=?", prefix).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, wrong
	}
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	if subtle.ConstantTimeCompare(k.hash, digest(secret)) != 1 || k.RevokedAt > 0 {
		return nil, wrong
	}
	g.noteUse(ctx, k)
	return k.principal(), nil
}

func (k Key) principal() *Principal {
	return &Principal{KeyID: k.ID, Login: k.Prefix, Name: k.Name, Role: k.Role, Staff: k.Staff, may: k.Permissions()}
}

func (g *Gate) noteUse(ctx context.Context, k Key) {
	now := g.wall()
	if now-k.UsedAt < useNote.Milliseconds() || !g.used.due(k.ID, now, useNote) {
		return
	}
	err := g.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE api_keys SET used_at=? WHERE id=?", now, k.ID)
		return err
	})
	if err != nil { // the key is good all the same
		slog.Warn("接口密钥的使用时间没有写入", "key", k.Prefix, "err", err)
	}
}

const keyQuery = "SELECT id, prefix, hash, name, role, scopes, created_at, created_by, used_at, revoked_at, staff FROM api_keys"

func scanKey(scan func(...any) error) (Key, error) {
	var k Key
	var scopes string
	err := scan(&k.ID, &k.Prefix, &k.hash, &k.Name, &k.Role, &scopes, &k.CreatedAt, &k.CreatedBy, &k.UsedAt, &k.RevokedAt, &k.Staff)
	for _, s := range strings.Fields(scopes) {
		k.Scopes = append(k.Scopes, Permission(s))
	}
	return k, err
}

func joinScopes(list []Permission) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return strings.Join(out, " ")
}
