package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"testing"

	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/mattn/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/fault"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	code := func(n uint16) error { return &mysqldriver.MySQLError{Number: n} }
	for name, c := range map[string]struct {
		err  error
		want fault.Kind
	}{
		"server gone":           {mysqldriver.ErrInvalidConn, fault.Unavailable},
		"bad connection":        {driver.ErrBadConn, fault.Unavailable},
		"refused":               {&net.OpError{Op: "dial", Err: errors.New("connection refused")}, fault.Unavailable},
		"shutting down":         {code(1053), fault.Unavailable},
		"connection killed":     {code(1927), fault.Unavailable},
		"table full":            {code(1114), fault.Unavailable},
		"too many connections":  {code(1040), fault.Unavailable},
		"read-only":             {code(1290), fault.Unavailable},
		"out of time":           {context.DeadlineExceeded, fault.Unavailable},
		"disk full":             {sqlite3.Error{Code: sqlite3.ErrFull}, fault.Unavailable},
		"locked":                {sqlite3.Error{Code: sqlite3.ErrBusy}, fault.Unavailable},
		"io error":              {sqlite3.Error{Code: sqlite3.ErrIoErr}, fault.Unavailable},
		"wrapped":               {fmt.Errorf("read fish: %w", code(1053)), fault.Unavailable},
		"already a fault":       {fault.New(fault.Conflict, "已被修改"), fault.Conflict},
		"access taken away":     {code(1142), fault.Unavailable},
		"query killed":          {code(1317), fault.Unavailable},
		"disk full at commit":   {code(1180), fault.Unavailable},
		"storage engine error":  {code(1030), fault.Unavailable},
		"temporary file":        {code(3), fault.Unavailable},
		"out of locks":          {code(1206), fault.Unavailable},
		"packets out of order":  {mysqldriver.ErrPktSync, fault.Unavailable},
		"damaged file":          {sqlite3.Error{Code: sqlite3.ErrCorrupt}, fault.Unavailable},
		"no database":           {sqlite3.Error{Code: sqlite3.ErrNotADB}, fault.Unavailable},
		"no memory":             {sqlite3.Error{Code: sqlite3.ErrNomem}, fault.Unavailable},
		"closed connection":     {sql.ErrConnDone, fault.Unavailable},
		"duplicate key":         {code(1062), fault.Internal},
		"duplicate key, SQLite": {sqlite3.Error{Code: sqlite3.ErrConstraint}, fault.Internal},
		"syntax error":          {code(1064), fault.Internal},
		"no row":                {sql.ErrNoRows, fault.Internal},
		"cancelled":             {context.Canceled, fault.Internal},
		"deadlock":              {code(1213), fault.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := classify(c.err)
			require.Equal(t, c.want, fault.KindOf(got))
			require.ErrorIs(t, got, c.err)
		})
	}
	require.NoError(t, classify(nil))
}

func TestRetryable_sees_through_what_was_wrapped_around(t *testing.T) {
	t.Parallel()
	deadlock := &mysqldriver.MySQLError{Number: 1213}
	require.True(t, retryable(deadlock))
	require.True(t, retryable(fmt.Errorf("write fish: %w", deadlock)))
	require.True(t, retryable(fault.Wrap(deadlock, fault.Internal, "x")))
	require.True(t, retryable(&mysqldriver.MySQLError{Number: 1205}))
	require.False(t, retryable(&mysqldriver.MySQLError{Number: 1062}))
	require.False(t, retryable(sqlite3.Error{Code: sqlite3.ErrBusy}), "SQLite waited already")
}

func TestStmtCache_prepares_from_the_second_use(t *testing.T) {
	t.Parallel()
	d, err := OpenSQLite(t.TempDir() + "/a.db")
	require.NoError(t, err)
	defer d.Close()
	run := func(query string) {
		require.NoError(t, d.Tx(t.Context(), func(tx *Tx) error {
			_, err := tx.Exec(t.Context(), query)
			return err
		}))
	}
	run("CREATE TABLE a (b INT)")
	for range 3 {
		run("INSERT INTO a VALUES (1)")
	}
	require.Contains(t, d.stmts.have, "INSERT INTO a VALUES (1)")
	require.NotContains(t, d.stmts.have, "CREATE TABLE a (b INT)")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d.stmts.wanted = []string{"DELETE FROM a"}
	require.ErrorIs(t, d.Tx(ctx, func(*Tx) error { return nil }), context.Canceled)
	require.Equal(t, []string{"DELETE FROM a"}, d.stmts.wanted, "a cancelled caller does not lose it")
	run("DELETE FROM a")
	require.Contains(t, d.stmts.have, "DELETE FROM a")
}
