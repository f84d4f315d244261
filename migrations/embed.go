// Package migrations holds the schema: SQL files, one set per engine, applied in order by app/db and
// never changed once released. sqlite/log is the log's own file, sqlite/koi everything else; mysql has
// both in one database. A table that exists on one engine exists on the other, with the same columns
// and index names (a test compares them). There is no way down: a newer database is refused, not
// converted back.
package migrations

import "embed"

// Files are the SQL files, in sqlite/log, sqlite/koi and mysql.
//
//go:embed sqlite/log/*.sql sqlite/koi/*.sql mysql/*.sql
var Files embed.FS
