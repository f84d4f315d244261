package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/koi-scrm/koi/app/fault"
)

// session is a signed-in user of the demo.
type session struct {
	login, password string
	cookie, csrf    string
}

// caller asks Koi's API as one of its users.
type caller struct {
	base    string
	session session
}

// signIn goes the way of every user.
func (c *caller) signIn(ctx context.Context, login, password string) (session, error) {
	body, err := json.Marshal(map[string]string{"login": login, "password": password})
	if err != nil {
		return session{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/api/v1/session", bytes.NewReader(body))
	if err != nil {
		return session{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return session{}, err
	}
	defer res.Body.Close()
	var me struct {
		CSRF string `json:"csrf_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&me); err != nil {
		return session{}, fmt.Errorf("read the answer to a sign-in: %w", err)
	}
	cookie, _, _ := strings.Cut(res.Header.Get("Set-Cookie"), ";")
	if res.StatusCode != http.StatusCreated || cookie == "" {
		return session{}, fault.New(fault.Denied, "演示用户 %s 登录不了（%d）", login, res.StatusCode)
	}
	return session{login: login, password: password, cookie: cookie, csrf: me.CSRF}, nil
}

// call asks the API; header is names and values beside the usual.
func (c *caller) call(ctx context.Context, method, path string, in, out any, header ...string) error {
	h := http.Header{"Content-Type": {"application/json"}, "Cookie": {c.session.cookie}, "X-Csrf-Token": {c.session.csrf}}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return ask(ctx, method, c.base+"/api/v1"+path, in, out, h)
}

// ask makes a request with a JSON body (nil: none) and reads the JSON answer into out, unless nil. What the
// API refuses comes back as a fault with its sentence.
func ask(ctx context.Context, method, address string, in, out any, header http.Header) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return err
	}
	req.Header = header
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		kind := fault.Invalid
		if res.StatusCode == http.StatusNotFound {
			kind = fault.NotFound
		}
		var told struct{ Detail string }
		_ = json.Unmarshal(raw, &told) // else the text as it is
		if told.Detail == "" {
			told.Detail = string(raw)
		}
		return fault.New(kind, "%s", told.Detail)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(raw, out)
}
