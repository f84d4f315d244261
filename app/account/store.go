package account

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/secret"
)

// store is the table accounts.
type store struct {
	db   *db.DB
	keys *secret.Keys
}

// stored is a row of accounts. With a problem, record holds only what the key says.
type stored struct {
	record
	rev       int64
	updatedAt int64
	updatedBy string
	problem   string
}

func (s stored) key() string { return string(s.Kind) + " " + s.id() }

// sealPurpose binds a sealed account to its row: copied to another one, it does not open.
func sealPurpose(kind Kind, id string) string { return "account " + string(kind) + " " + id }

const accountColumns = "kind, id, sealed, rev, updated_at, updated_by"

func (s store) list(ctx context.Context) ([]stored, error) {
	return s.collect(s.db.Query(ctx, "SELECT "+accountColumns+" FROM accounts ORDER BY kind, id"))
}

func (s store) listTx(ctx context.Context, tx *db.Tx) ([]stored, error) {
	return s.collect(tx.Query(ctx, "SELECT "+accountColumns+" FROM accounts ORDER BY kind, id"))
}

func (s store) collect(rows *sql.Rows, err error) ([]stored, error) {
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	var list []stored
	err = db.Each(rows, func(r *sql.Rows) error {
		one, err := s.scan(r.Scan)
		list = append(list, one)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return list, nil
}

func (s store) load(ctx context.Context, tx *db.Tx, kind Kind, id string) (stored, bool, error) {
	one, err := s.scan(tx.QueryRow(ctx, "SELECT "+accountColumns+" FROM accounts WHERE kind=? AND id=?", kind, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return stored{}, false, nil
	}
	if err != nil {
		return stored{}, false, fmt.Errorf("load account %s: %w", id, err)
	}
	return one, true, nil
}

func (s store) scan(scan func(...any) error) (stored, error) {
	var one stored
	var id string
	var sealed []byte
	if err := scan(&one.Kind, &id, &sealed, &one.rev, &one.updatedAt, &one.updatedBy); err != nil {
		return stored{}, err
	}
	kind := one.Kind
	plain, err := s.keys.Open(sealPurpose(kind, id), sealed)
	if err == nil {
		err = json.Unmarshal(plain, &one.record)
	}
	if err != nil {
		// One row under another key must not take all accounts down.
		one.record = record{Kind: kind, App: id, Name: id}
		if corp, agent, ok := SplitWeComID(id); ok && kind == KindWeCom {
			one.App, one.AgentID = corp, agent
		}
		one.problem = "这个账号的密钥用现在的 secret_key 打不开：请重新填写，或换回原来的 secret_key"
	}
	return one, nil
}

func (s store) save(ctx context.Context, tx *db.Tx, one stored) error {
	plain, err := json.Marshal(one.record)
	if err != nil {
		return fmt.Errorf("encode account %s: %w", one.id(), err)
	}
	// Wall time makes the rev of an account that was removed and added again differ from its old one.
	rev := max(one.rev+1, one.updatedAt)
	err = tx.Upsert(ctx, "accounts", []string{"kind", "id"},
		[]string{"kind", "id", "sealed", "rev", "updated_at", "updated_by"}, []string{"sealed", "rev", "updated_at", "updated_by"},
		[][]any{{one.Kind, one.id(), s.keys.Seal(sealPurpose(one.Kind, one.id()), plain), rev, one.updatedAt, one.updatedBy}})
	if err != nil {
		return fmt.Errorf("save account %s: %w", one.id(), err)
	}
	return nil
}

func (s store) remove(ctx context.Context, tx *db.Tx, kind Kind, id string) (bool, error) {
	n, err := tx.Exec(ctx, "DELETE FROM accounts WHERE kind=? AND id=?", kind, id)
	if err != nil {
		return false, fmt.Errorf("delete account %s: %w", id, err)
	}
	if _, err := tx.Exec(ctx, "DELETE FROM tokens WHERE account=?", id); err != nil {
		return false, fmt.Errorf("delete tokens of %s: %w", id, err)
	}
	return n > 0, nil
}

func (s store) revs(ctx context.Context) (map[string]int64, error) {
	rows, err := s.db.Query(ctx, "SELECT kind, id, rev FROM accounts")
	if err != nil {
		return nil, fmt.Errorf("look at accounts: %w", err)
	}
	revs := map[string]int64{}
	err = db.Each(rows, func(r *sql.Rows) error {
		var kind, id string
		var rev int64
		if err := r.Scan(&kind, &id, &rev); err != nil {
			return err
		}
		revs[kind+" "+id] = rev
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look at accounts: %w", err)
	}
	return revs, nil
}
