// Package backup keeps and brings back the embedded database: both SQLite files in one archive, copied
// while Koi goes on working.
//
// koi.db is copied before log.db. It carries the position up to which the log is applied, so the log of the
// archive always reaches further: a restored Koi applies the rest, and what was acknowledged before the
// backup began is not lost. Nothing else is needed for a restore but the secret key, which is never in an
// archive: who finds a backup must not be able to read it.
//
// The package refuses to know what is in the tables, and to back up MySQL, which has its own tools.
package backup

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/fault"
)

// Manifest stands first in an archive.
type Manifest struct {
	Format int       `json:"format"`
	Koi    string    `json:"koi"` // version of the program
	At     time.Time `json:"at"`
	// Key is the fingerprint of the secret key that the data is sealed with.
	Key   string `json:"key"`
	Files []File `json:"files"`
}

// File is one database in an archive.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

const (
	format       = 1
	manifestName = "manifest.json"
	// maxManifest is far more than a manifest has.
	maxManifest = 1 << 20
)

// names of the databases, in the order in which they are copied.
var names = []string{"koi.db", "log.db"}

// Make writes an archive to a new file and returns what is in it. version is the program's, key the
// fingerprint of the secret key. The file appears only when it is whole. Faults: Conflict when the file
// exists or the data is in MySQL, Unavailable when there is no room.
func Make(ctx context.Context, stores *db.Stores, version, key, file string) (*Manifest, error) {
	if stores.Koi.Engine() != db.SQLite {
		return nil, fault.New(fault.Conflict, "数据在 MySQL 里，请用它自己的工具备份："+
			"mysqldump --single-transaction --hex-blob --no-tablespaces -h 主机 -u 用户 -p 库名 > koi.sql；恢复用 mysql 导回。"+
			"密钥（secret_key 或 data_dir 里的 secret.key）要另外保管，没有它数据读不出来")
	}
	if _, err := os.Lstat(file); err == nil {
		return nil, fault.New(fault.Conflict, "文件 %s 已存在，没有覆盖：请换一个文件名", file)
	}
	// Beside the archive, where there must be room anyway.
	tmp, err := os.MkdirTemp(filepath.Dir(file), ".koi-backup-")
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "写不了目录 %s：请检查它是否存在、是否有写权限", filepath.Dir(file))
	}
	defer os.RemoveAll(tmp)
	m := &Manifest{Format: format, Koi: version, At: time.Now().UTC().Truncate(time.Second), Key: key}
	for _, name := range names {
		from := stores.Koi
		if name == "log.db" {
			from = stores.Log
		}
		path := filepath.Join(tmp, name)
		if err := from.Snapshot(ctx, path); err != nil {
			return nil, err
		}
		f, err := describe(path)
		if err != nil {
			return nil, err
		}
		m.Files = append(m.Files, f)
	}
	whole := filepath.Join(tmp, "archive")
	if err := pack(whole, tmp, m); err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "写不了备份文件：请检查磁盘空间")
	}
	// Unlike a rename, a link never takes the place of another file.
	if err := os.Link(whole, file); err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "写不了备份文件 %s：请检查目录权限，或它是否刚被别人创建", file)
	}
	return m, syncDir(filepath.Dir(file))
}

func describe(path string) (File, error) {
	f, err := os.Open(path)
	if err != nil {
		return File{}, err
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	return File{Name: filepath.Base(path), Size: n, SHA256: hex.EncodeToString(sum.Sum(nil))}, err
}

func pack(file, dir string, m *Manifest) error {
	out, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	// Sealed values do not compress, so more effort gains little.
	z, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		return err
	}
	t := tar.NewWriter(z)
	head, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	header := func(name string, size int64) error {
		return t.WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o600, ModTime: m.At})
	}
	if err := header(manifestName, int64(len(head))); err != nil {
		return err
	}
	if _, err := t.Write(head); err != nil {
		return err
	}
	for _, f := range m.Files {
		if err := header(f.Name, f.Size); err != nil {
			return err
		}
		in, err := os.Open(filepath.Join(dir, f.Name))
		if err != nil {
			return err
		}
		_, err = io.Copy(t, in)
		if err = errors.Join(err, in.Close()); err != nil {
			return err
		}
	}
	return errors.Join(t.Close(), z.Close(), out.Sync(), out.Close())
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Restore puts the databases of an archive into a data directory that has none; the caller holds its lock.
// They are checked first and appear whole. key is the fingerprint of the secret key the data directory
// has. Faults: Invalid for a file that is no archive, is damaged or was made by a newer program; Conflict
// when there is a database already or the key is another one.
func Restore(file, dir, key string) (*Manifest, error) {
	for _, name := range names {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return nil, fault.New(fault.Conflict, "%s 里已有数据库 %s，没有覆盖：请先把它移走，或换一个空的 data_dir", dir, name)
		}
	}
	tmp, err := os.MkdirTemp(dir, ".koi-restore-")
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "写不了数据目录 %s：请检查权限", dir)
	}
	defer os.RemoveAll(tmp)
	m, err := unpack(file, tmp, key)
	if err != nil {
		return nil, err
	}
	// koi.db last: without it, half a restore is no database yet.
	for i := len(names) - 1; i >= 0; i-- {
		if err := os.Rename(filepath.Join(tmp, names[i]), filepath.Join(dir, names[i])); err != nil {
			return nil, fmt.Errorf("put %s in place: %w", names[i], err)
		}
	}
	return m, syncDir(dir)
}

// Inspect reads an archive's manifest. Fault: Invalid.
func Inspect(file string) (*Manifest, error) {
	m, _, done, err := open(file)
	if err != nil {
		return nil, err
	}
	return m, done()
}

var errShape = errors.New("unexpected contents")

func notOurs(err error, file string) error {
	return fault.Wrap(err, fault.Invalid, "%s 不是完整的 Koi 备份：请检查文件是否传输完整", file)
}

// open reads up to the end of the manifest.
func open(file string) (*Manifest, *tar.Reader, func() error, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, nil, fault.Wrap(err, fault.Invalid, "打不开备份文件 %s：请检查路径和权限", file)
	}
	fail := func(err error) (*Manifest, *tar.Reader, func() error, error) {
		return nil, nil, nil, errors.Join(err, f.Close())
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return fail(notOurs(err, file))
	}
	t := tar.NewReader(z)
	h, err := t.Next()
	if err != nil || h.Name != manifestName {
		return fail(notOurs(cmp.Or(err, errShape), file))
	}
	var m Manifest
	if err := json.NewDecoder(io.LimitReader(t, maxManifest)).Decode(&m); err != nil {
		return fail(notOurs(err, file))
	}
	if m.Format != format {
		return fail(fault.New(fault.Invalid, "%s 由较新的 Koi %s 备份，这个版本读不了：请先升级 Koi", file, m.Koi))
	}
	return &m, t, f.Close, nil
}

func unpack(file, dir, key string) (*Manifest, error) {
	m, t, done, err := open(file)
	if err != nil {
		return nil, err
	}
	defer done() //nolint:errcheck // it was only read
	if m.Key != key {
		return nil, fault.New(fault.Conflict, "备份用的是另一把密钥（指纹 %s，这里是 %s）：请先把原来的 secret.key 放进 data_dir，或设置原来的 secret_key", m.Key, key)
	}
	if len(m.Files) != len(names) {
		return nil, notOurs(errShape, file)
	}
	for i, want := range m.Files {
		h, err := t.Next()
		if err != nil || h.Name != want.Name || want.Name != names[i] || h.Size != want.Size {
			return nil, notOurs(cmp.Or(err, errShape), file)
		}
		path := filepath.Join(dir, want.Name)
		if err := write(path, t); err != nil {
			return nil, fault.Wrap(err, fault.Unavailable, "写不了 %s，或备份文件已损坏：请检查磁盘空间和备份文件", path)
		}
		if got, err := describe(path); err != nil || got != want {
			return nil, notOurs(cmp.Or(err, errShape), file)
		}
	}
	return m, nil
}

func write(path string, from io.Reader) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Sync(), f.Close())
}
