// Package secret seals what must not be read in the files: credentials, phone numbers, e-mail addresses,
// log payloads, message bodies. It also gives blind look-up values, so that a sealed phone number can be
// found without being opened. It refuses to know what it seals.
//
// One master key of 32 bytes stands behind everything; purposes get keys of their own derived from it, so
// that a value sealed for one place does not open in another. The master key lives in the configuration
// or in data_dir, never in the database and never in a backup.
package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/koi-scrm/koi/app/fault"
)

// keyID stands first in everything sealed, so that a later key can be told from this one.
const keyID = 1

// MasterSize is the length of a master key in bytes.
const MasterSize = 32

// Keys seals and opens under one master key. It is safe for concurrent use.
type Keys struct {
	master []byte

	mu      sync.RWMutex
	ciphers map[string]cipher.AEAD
	macs    map[string][]byte
}

// New makes Keys of a master key of MasterSize bytes. Fault: Invalid for any other length.
func New(master []byte) (*Keys, error) {
	if len(master) != MasterSize {
		return nil, fault.New(fault.Invalid, "secret_key 应为 32 字节的 Base64，现在是 %d 字节：可用 `openssl rand -base64 32` 生成", len(master))
	}
	return &Keys{master: append([]byte{}, master...), ciphers: map[string]cipher.AEAD{}, macs: map[string][]byte{}}, nil
}

// Find takes the configured key (Base64), or the one kept in dir, and makes none. Fault: NotFound.
func Find(configured, dir string) (*Keys, error) {
	if configured != "" {
		return decode(configured)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "secret.key"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "%s 里没有 secret.key，也没有设置 secret_key：请先放好原来的密钥", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("read secret key: %w", err)
	}
	return decode(string(raw))
}

// Load takes the configured key (Base64), or the one kept in dir, made at the first call (file mode 0600).
func Load(configured, dir string) (*Keys, error) {
	if configured != "" {
		return decode(configured)
	}
	path := filepath.Join(dir, "secret.key")
	raw, err := os.ReadFile(path)
	switch {
	case err == nil:
		return decode(string(raw))
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("read secret key: %w", err)
	}
	master := make([]byte, MasterSize)
	if _, err := rand.Read(master); err != nil {
		return nil, fmt.Errorf("make secret key: %w", err)
	}
	if err := writeDurably(path, base64.StdEncoding.EncodeToString(master)+"\n"); err != nil {
		return nil, fmt.Errorf("keep secret key: %w", err)
	}
	return New(master)
}

// writeDurably makes the file whole or not at all: losing the key loses every sealed value.
func writeDurably(path, text string) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, werr := f.WriteString(text)
	if err := errors.Join(werr, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func decode(text string) (*Keys, error) {
	master, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "secret_key 不是有效的 Base64：可用 `openssl rand -base64 32` 生成")
	}
	return New(master)
}

// Fingerprint names the master key without giving it away. The database keeps it, so that a node with
// another key is refused instead of writing what nobody else can open.
func (k *Keys) Fingerprint() string {
	sum := sha256.Sum256(append([]byte("koi key fingerprint\x00"), k.master...))
	return hex.EncodeToString(sum[:8])
}

// Seal encrypts plain for a purpose: key-id byte, nonce, AES-256-GCM. Two calls give different bytes.
func (k *Keys) Seal(purpose string, plain []byte) []byte {
	a := k.aead(purpose)
	out := make([]byte, 1+a.NonceSize(), 1+a.NonceSize()+len(plain)+a.Overhead())
	out[0] = keyID
	if _, err := rand.Read(out[1:]); err != nil {
		panic("no randomness: " + err.Error()) // crypto/rand never fails on a working system
	}
	return a.Seal(out, out[1:1+a.NonceSize()], plain, []byte(purpose))
}

// Open decrypts what Seal made for the same purpose under the same key.
func (k *Keys) Open(purpose string, sealed []byte) ([]byte, error) {
	a := k.aead(purpose)
	if len(sealed) < 1+a.NonceSize() || sealed[0] != keyID {
		return nil, fmt.Errorf("open %s: not sealed by this key", purpose)
	}
	n := 1 + a.NonceSize()
	plain, err := a.Open(nil, sealed[1:n], sealed[n:], []byte(purpose))
	if err != nil {
		return nil, fmt.Errorf("open %s: wrong key or damaged", purpose)
	}
	return plain, nil
}

// Lookup is the blind index of a value: equal values give equal results, and without the key nothing can
// be learnt or tried out. Normalise the value first.
func (k *Keys) Lookup(purpose, value string) [16]byte {
	m := hmac.New(sha256.New, k.mac(purpose))
	m.Write([]byte(value))
	return [16]byte(m.Sum(nil)[:16])
}

func (k *Keys) derive(use, purpose string) []byte {
	key, err := hkdf.Key(sha256.New, k.master, nil, "koi "+use+" "+purpose, 32)
	if err != nil {
		panic("derive key: " + err.Error()) // only for absurd lengths
	}
	return key
}

func (k *Keys) aead(purpose string) cipher.AEAD {
	k.mu.RLock()
	a := k.ciphers[purpose]
	k.mu.RUnlock()
	if a != nil {
		return a
	}
	block, err := aes.NewCipher(k.derive("seal", purpose))
	if err != nil {
		panic(err) // the key is always 32 bytes
	}
	a, err = cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	k.mu.Lock()
	k.ciphers[purpose] = a
	k.mu.Unlock()
	return a
}

func (k *Keys) mac(purpose string) []byte {
	k.mu.RLock()
	key := k.macs[purpose]
	k.mu.RUnlock()
	if key != nil {
		return key
	}
	key = k.derive("lookup", purpose)
	k.mu.Lock()
	k.macs[purpose] = key
	k.mu.Unlock()
	return key
}
