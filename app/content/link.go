package content

import (
	"encoding/base64"
	"regexp"

	"github.com/koi-scrm/koi/app/secret"
)

// linkBytes make codes of 12 characters: nobody guesses one, and a text message has room for it.
const linkBytes = 9

var linkForm = regexp.MustCompile(`^[A-Za-z0-9_-]{12}$`)

// LinkCode is the short link's code for a share token: always the same.
func LinkCode(keys *secret.Keys, token string) string {
	mac := keys.Lookup("short link", token)
	return base64.RawURLEncoding.EncodeToString(mac[:linkBytes])
}

// IsLinkCode reports whether a text has the form of a code.
func IsLinkCode(s string) bool { return linkForm.MatchString(s) }
