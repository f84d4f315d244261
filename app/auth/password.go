package auth

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"

	"github.com/koi-scrm/koi/app/fault"
)

// params of argon2id: stronger than OWASP's least (19 MiB, 2 rounds), with a memory that a small server
// can spare a few times over. Parallelism is 1 so that hashes don't depend on the machine.
var params = &argon2id.Params{Memory: 32 << 10, Iterations: 3, Parallelism: 1, SaltLength: 16, KeyLength: 32}

const (
	minPassword = 10  // characters
	maxPassword = 128 // bytes; hashing is not for files
)

// checkPassword says what is wrong with a new password, "" when nothing is.
func checkPassword(login, password string) string {
	switch {
	case utf8.RuneCountInString(password) < minPassword:
		return fmt.Sprintf("密码至少 %d 个字符", minPassword)
	case len(password) > maxPassword:
		return fmt.Sprintf("密码最多 %d 个字节", maxPassword)
	case strings.Count(password, password[:1]) == len(password):
		return "密码不能全是同一个字符"
	case login != "" && strings.Contains(strings.ToLower(password), login):
		return "密码不能包含登录名"
	}
	return ""
}

// hash waits for its turn: many at once would take the machine's memory.
func (g *Gate) hash(ctx context.Context, password string) (string, error) {
	if err := g.enter(ctx); err != nil {
		return "", err
	}
	defer g.leave()
	h, err := argon2id.CreateHash(password, params)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return h, nil
}

// decoy is what a password is compared with where nobody has the login name, so that it takes as long.
var decoy = sync.OnceValues(func() (string, error) { return argon2id.CreateHash("nobody has this password", params) })

// matches compares a password with a hash, "" for nobody's. outdated: it should be hashed anew, since
// params changed.
func (g *Gate) matches(ctx context.Context, password, hash string) (ok, outdated bool, err error) {
	if err := g.enter(ctx); err != nil {
		return false, false, err
	}
	defer g.leave()
	known := hash != ""
	if !known {
		if hash, err = decoy(); err != nil {
			return false, false, fmt.Errorf("hash password: %w", err)
		}
	}
	if len(password) > maxPassword {
		password = "" // cannot be right; compare all the same
	}
	ok, was, err := argon2id.CheckHash(password, hash)
	if err != nil {
		return false, false, fmt.Errorf("check password: %w", err)
	}
	return ok && known, *was != *params, nil
}

func (g *Gate) enter(ctx context.Context) error {
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fault.Wrap(ctx.Err(), fault.Unavailable, "正在登录的人太多，请稍后再试")
	}
}

func (g *Gate) leave() { <-g.slots }
