package wecom

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/org"
	"github.com/koi-scrm/koi/channels/wechat"
)

// OAuth learns which member of a corp opened a page of ours inside WeCom (网页授权登录, path/91022, 91023).
type OAuth struct {
	client *Client
	page   string
}

// NewOAuth makes one; page is channels.wecom.oauth_url, where WeCom's authorize page is.
func NewOAuth(client *Client, page string) *OAuth {
	return &OAuth{client: client, page: strings.TrimRight(page, "/")}
}

// Own reports whether the authorize page is WeCom's own, which opens inside WeCom only.
func (o *OAuth) Own() bool { return o.page == "https://open.weixin.qq.com" }

// URL is the authorize page that sends the browser back to redirect with a code and the state. snsapi_base
// asks the member nothing. WeCom ignores the page without the fragment.
func (o *OAuth) URL(w account.WeCom, redirect, state string) string {
	q := url.Values{"appid": {w.CorpID}, "redirect_uri": {redirect}, "response_type": {"code"}, "scope": {"snsapi_base"},
		"state": {state}, "agentid": {strconv.Itoa(w.AgentID)}}
	return o.page + "/connect/oauth2/authorize?" + q.Encode() + "#wechat_redirect"
}

// Member exchanges a code, good once within five minutes, for the userid of the member who opened the page.
// Faults: Denied with org.ErrCode or org.ErrStranger; what wechat.Explain makes of other errors.
func (o *OAuth) Member(ctx context.Context, w account.WeCom, code string) (string, error) {
	var got struct {
		UserID string `json:"userid"`
		Old    string `json:"UserId"` // as getuserinfo was spelled before 2022
	}
	t, err := o.client.do(ctx, w.Credential(), func(a *app) error {
		_, err := a.Auth.GetUserInfo(context.Background(), code)
		return err
	})
	if t != nil && t.Err() == nil { // the SDK's own opinion of the answer is of no interest
		err = t.Decode(&got)
	}
	var refused *wechat.Error
	if errors.As(err, &refused) && refused.Code == codeInvalid {
		return "", fault.Wrap(org.ErrCode, fault.Denied, "企业微信的登录凭证已失效：请重新打开页面")
	}
	if err != nil {
		return "", err
	}
	if got.UserID == "" {
		got.UserID = got.Old
	}
	if got.UserID == "" {
		return "", fault.Wrap(org.ErrStranger, fault.Denied, "您不是本企业的成员，不能登录")
	}
	return got.UserID, nil
}

// codeInvalid: 不合法的 oauth_code, also for one that was used or is too old.
const codeInvalid = 40029
