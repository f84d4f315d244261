package webhook

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/secret"
)

// Directory knows the webhooks in force and their secrets. It is safe for concurrent use.
type Directory struct {
	db    *db.DB
	keys  *secret.Keys
	clock clock.Clock
	model atomic.Pointer[Model]

	mu    sync.Mutex
	kept  map[string]kept // secrets read lately, by webhook
	turns int             // how often a secret changed here
}

// kept is a secret as it was read; each delivery needs it.
type kept struct {
	secret []byte
	until  time.Time
}

// keepFor bounds how long another node's Rotate goes unnoticed.
const keepFor = time.Second

// New makes a directory; Use gives it its webhooks.
func New(s *db.Stores, keys *secret.Keys, clk clock.Clock) *Directory {
	return &Directory{db: s.Koi, keys: keys, clock: clk, kept: map[string]kept{}}
}

// Use takes the webhooks in force; at start and after changes.
func (d *Directory) Use(m *Model) { d.model.Store(m) }

// Model is the webhooks in force.
func (d *Directory) Model() *Model { return d.model.Load() }

// Get returns a webhook. Fault: NotFound.
func (d *Directory) Get(key string) (*Hook, error) {
	if h := d.Model().Get(key); h != nil {
		return h, nil
	}
	return nil, fault.New(fault.NotFound, "没有 Webhook %s：它可能已被删除", key)
}

// sealPurpose binds a sealed secret to its webhook.
func sealPurpose(key string) string { return "webhook " + key }

// generate makes a secret of 260 bits.
func generate() string { return "whsec_" + rand.Text() + rand.Text() }

// Secret is what deliveries to the webhook are signed with. Where it has none yet, one is made.
// Faults: Invalid when the file of the secret cannot be used, or it was sealed with another key.
func (d *Directory) Secret(ctx context.Context, h *Hook) ([]byte, error) {
	if h.SecretFile != "" {
		return readSecret(h.SecretFile)
	}
	d.mu.Lock()
	k, turns := d.kept[h.Key], d.turns
	d.mu.Unlock()
	if time.Now().Before(k.until) {
		return k.secret, nil
	}
	got, err := d.stored(ctx, h.Key)
	if err != nil {
		return nil, err
	}
	if got != nil {
		d.mu.Lock()
		if d.turns == turns { // else it may be the one before
			d.kept[h.Key] = kept{got, time.Now().Add(keepFor)}
		}
		d.mu.Unlock()
		return got, nil
	}
	// Two nodes may do so at once: the first one's counts for both.
	err = d.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.InsertIgnore(ctx, "webhook_secrets", secretColumns, [][]any{d.row(h.Key, generate(), "system")})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make secret of webhook %s: %w", h.Key, err)
	}
	return d.stored(ctx, h.Key)
}

// drop makes the next delivery read the secret anew.
func (d *Directory) drop(key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.turns++
	delete(d.kept, key)
}

var secretColumns = []string{"hook", "sealed", "made_at", "made_by"}

func (d *Directory) row(key, value, by string) []any {
	return []any{key, d.keys.Seal(sealPurpose(key), []byte(value)), clock.Ms(d.clock.Wall()), by}
}

// stored is the secret in the database, nil when there is none.
func (d *Directory) stored(ctx context.Context, key string) ([]byte, error) {
	var sealed []byte
	err := d.db.QueryRow(ctx, "SELECT sealed FROM webhook_secrets WHERE hook=?", key).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read secret of webhook %s: %w", key, err)
	}
	plain, err := d.keys.Open(sealPurpose(key), sealed)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "Webhook %s 的签名密钥读不出来：请恢复原来的 secret_key，或重新生成签名密钥", key)
	}
	return plain, nil
}

// Rotate gives the webhook a new secret and returns it: it is shown this once. From now on deliveries are
// signed with it (within a second, where another node delivers), those that are tried again included.
// Fault: Conflict where the secret is kept in a file.
func (d *Directory) Rotate(ctx context.Context, h *Hook, by string) (string, error) {
	if h.SecretFile != "" {
		return "", fault.New(fault.Conflict, "这个 Webhook 的签名密钥在服务器的文件里：请改文件的内容，立即生效")
	}
	value := generate()
	if len(by) > 96 {
		by = by[:96]
	}
	err := d.db.Tx(ctx, func(tx *db.Tx) error {
		return tx.Upsert(ctx, "webhook_secrets", []string{"hook"}, secretColumns, []string{"sealed", "made_at", "made_by"}, [][]any{d.row(h.Key, value, by)})
	})
	if err != nil {
		return "", fmt.Errorf("rotate secret of webhook %s: %w", h.Key, err)
	}
	d.drop(h.Key)
	return value, nil
}

// Forget deletes the secret of a webhook that is no more.
func (d *Directory) Forget(ctx context.Context, key string) error {
	err := d.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM webhook_secrets WHERE hook=?", key)
		return err
	})
	if err != nil {
		return fmt.Errorf("forget secret of webhook %s: %w", key, err)
	}
	d.drop(key)
	return nil
}

const minSecret, maxSecret = 16, 4 << 10 // bytes

// readSecret reads a secret's file, without the line end that editors leave.
func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "读不到签名密钥的文件 %s：请检查路径和权限", path)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "读不到签名密钥的文件 %s：请检查路径和权限", path)
	}
	raw = bytes.TrimRight(raw, "\r\n")
	if len(raw) < minSecret || len(raw) > maxSecret {
		return nil, fault.New(fault.Invalid, "签名密钥的文件 %s 应有 %d 到 %d 个字节：可用 openssl rand -hex 32 生成", path, minSecret, maxSecret)
	}
	return raw, nil
}
