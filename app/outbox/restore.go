package outbox

import (
	"context"
	"fmt"

	"github.com/koi-scrm/koi/app/db"
)

// HoldRestored puts every message that waited when a backup was made before the operator, and returns how
// many: the Koi that went on may have sent them since, so none leaves by itself. Attempts that were under
// way become unknown by themselves at the start; alerts within a digest never leave by themselves, and end
// like it. It is called on a restored database before anything runs;
// now is business time in Unix ms. Doing it again finds nothing more.
func HoldRestored(ctx context.Context, d *db.DB, now int64) (n int64, err error) {
	err = d.Tx(ctx, func(tx *db.Tx) error {
		until := now + unknownFor.Milliseconds()
		n, err = tx.Exec(ctx, "UPDATE outbox SET state=?, reason=?, due_at=?, updated_at=? WHERE state=? AND digest_id=0",
			Doubtful.code(), string(ReasonRestored), until, now, Waiting.code())
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE outbox_due SET queue=?, due_at=? WHERE id IN (SELECT id FROM outbox WHERE state=? AND reason=?)",
			unknownQueue, until, Doubtful.code(), string(ReasonRestored))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("hold restored messages: %w", err)
	}
	return n, nil
}
