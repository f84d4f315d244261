package officialaccount

import (
	"errors"
	"net/http"
	"time"

	"github.com/silenceper/wechat/v2/officialaccount/config"
	wxcontext "github.com/silenceper/wechat/v2/officialaccount/context"
	"github.com/silenceper/wechat/v2/util"

	"github.com/koi-scrm/koi/channels/wechat"
)

// silenceper has one HTTP client for the whole process, http.DefaultClient unless told otherwise (no
// time limit), and no context in most calls. It gets a client that sends nothing but tickets: which
// account, address, token and context a call belongs to is the ticket's matter (wechat.Ticket). Only the
// SDK's subpackages are imported: its root turns logrus, for the whole process, to Debug on stdout.
func init() { util.DefaultHTTPClient = &http.Client{Transport: wechat.RoundTripper} }

// sdk makes what silenceper's managers take for an account. It is cheap: one for each call, so that
// nothing the SDK keeps in it is shared.
func sdk(t *wechat.Ticket) *wxcontext.Context {
	return &wxcontext.Context{Config: &config.Config{Cache: noCache{}}, AccessTokenHandle: handle{t}}
}

// handle is the SDK's source of access tokens.
type handle struct{ ticket *wechat.Ticket }

func (h handle) GetAccessToken() (string, error) { return h.ticket.String(), nil }

// noCache keeps nothing: tokens never enter the SDK, and its own memory cache is not safe for concurrent use.
type noCache struct{}

func (noCache) Get(string) any                       { return nil }
func (noCache) Set(string, any, time.Duration) error { return errors.New("the SDK keeps nothing") }
func (noCache) IsExist(string) bool                  { return false }
func (noCache) Delete(string) error                  { return nil }
