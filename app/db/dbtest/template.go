package dbtest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	mysqldriver "github.com/go-sql-driver/mysql"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/migrations"
)

// server makes databases on a MySQL server.
type server struct {
	config *mysqldriver.Config
	admin  *sql.DB

	template func() (*template, error)
}

// template is a migrated database that others are copied from, and the statements that copy it.
type template struct {
	name   string
	tables []string
	filled []string // tables into which the migrations write rows
}

func connect(c *mysqldriver.Config) (*server, error) {
	c = c.Clone()
	c.DBName = ""
	c.Timeout = 10 * time.Second
	c.MultiStatements = true
	c.InterpolateParams = true
	connector, err := mysqldriver.NewConnector(c)
	if err != nil {
		return nil, err
	}
	s := &server{config: c, admin: sql.OpenDB(connector)}
	if err := s.admin.Ping(); err != nil {
		_ = s.admin.Close()
		return nil, fmt.Errorf("MySQL at %s does not answer: %w", c.Addr, err)
	}
	s.template = sync.OnceValues(s.makeTemplate)
	return s, nil
}

// newDatabase copies the template into a database of its own; drop removes it.
func (s *server) newDatabase(ctx context.Context) (dsn string, drop func(), err error) {
	tpl, err := s.template()
	if err != nil {
		return "", nil, err
	}
	name := databaseName()
	var b strings.Builder
	b.WriteString(create(name))
	for _, table := range tpl.tables {
		fmt.Fprintf(&b, ";CREATE TABLE %s.%s LIKE %s.%s", name, table, tpl.name, table)
	}
	for _, table := range tpl.filled {
		fmt.Fprintf(&b, ";INSERT INTO %s.%s SELECT * FROM %s.%s", name, table, tpl.name, table)
	}
	if _, err := s.admin.ExecContext(ctx, b.String()); err != nil {
		return "", nil, fmt.Errorf("copy template: %w", err)
	}
	return s.dsn(name), s.dropper(name), nil
}

func (s *server) emptyDatabase(ctx context.Context) (dsn string, drop func(), err error) {
	name := databaseName()
	if _, err := s.admin.ExecContext(ctx, create(name)); err != nil {
		return "", nil, err
	}
	return s.dsn(name), s.dropper(name), nil
}

func (s *server) dsn(database string) string {
	c := s.config.Clone()
	c.DBName = database
	c.MultiStatements = false
	c.InterpolateParams = false
	return c.FormatDSN()
}

func (s *server) dropper(name string) func() {
	return func() { _, _ = s.admin.Exec("DROP DATABASE IF EXISTS " + name) }
}

func databaseName() string { return "koi_" + rand.Text()[:16] }

func create(name string) string {
	return "CREATE DATABASE " + name + " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
}

// makeTemplate migrates a database named after the content of the migrations, unless another process
// did so on this server already.
func (s *server) makeTemplate() (*template, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	sum, err := hashFiles(migrations.Files)
	if err != nil {
		return nil, err
	}
	tpl := &template{name: "koi_tpl_" + sum}
	conn, err := s.admin.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close() // gives the lock up too
	var got sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK(?, 110)", tpl.name).Scan(&got); err != nil {
		return nil, err
	}
	if got.Int64 != 1 {
		return nil, errors.New("another test process has been making the template for too long")
	}
	defer func() { _, _ = conn.ExecContext(ctx, "SELECT RELEASE_LOCK(?)", tpl.name) }()
	if err := s.migrateTemplate(ctx, conn, tpl.name); err != nil {
		return nil, fmt.Errorf("make the template: %w", err)
	}
	return tpl, s.listTables(ctx, conn, tpl)
}

// migrateTemplate: a second, empty database tells that the first is complete.
func (s *server) migrateTemplate(ctx context.Context, conn *sql.Conn, name string) error {
	var n int
	if err := conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name=?", name+"_ready").Scan(&n); err != nil {
		return err
	}
	if n > 0 {
		return nil
	}
	if _, err := conn.ExecContext(ctx, "DROP DATABASE IF EXISTS "+name+";"+create(name)); err != nil {
		return err
	}
	d, err := db.OpenMySQL(ctx, s.dsn(name))
	if err != nil {
		return err
	}
	stores := &db.Stores{Log: d, Koi: d}
	if err := errors.Join(stores.Migrate(ctx, migrations.Files), stores.Close()); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, "CREATE DATABASE "+name+"_ready")
	return err
}

func (s *server) listTables(ctx context.Context, conn *sql.Conn, tpl *template) error {
	rows, err := conn.QueryContext(ctx, "SELECT table_name FROM information_schema.tables WHERE table_schema=? ORDER BY table_name", tpl.name)
	if err != nil {
		return err
	}
	if err := db.Each(rows, func(r *sql.Rows) error {
		var name string
		err := r.Scan(&name)
		tpl.tables = append(tpl.tables, name)
		return err
	}); err != nil {
		return err
	}
	for _, table := range tpl.tables {
		var n int
		err := conn.QueryRowContext(ctx, "SELECT 1 FROM "+tpl.name+"."+table+" LIMIT 1").Scan(&n)
		if err == nil {
			tpl.filled = append(tpl.filled, table)
		} else if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	return nil
}

func hashFiles(files fs.FS) (string, error) {
	h := sha256.New()
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, path)
		fmt.Fprintf(h, "%s %d\n%s", path, len(text), text)
		return err
	})
	return hex.EncodeToString(h.Sum(nil)[:8]), err
}

// sqliteTemplate is the two migrated files, read into memory once per process.
var sqliteTemplate = sync.OnceValues(func() (map[string][]byte, error) {
	dir, err := os.MkdirTemp("", "koi-template-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	s, err := db.Open(ctx, db.Config{Driver: db.SQLite, DataDir: dir})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(s.Migrate(ctx, migrations.Files), s.Close()); err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, name := range []string{"log.db", "koi.db"} {
		if files[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	return files, nil
})

func copySQLiteTemplate(ctx context.Context, dir string) error {
	files, err := sqliteTemplate()
	if err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return ctx.Err()
}
