package wechat

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/account"
)

// TryCallback calls a callback address as the platform does when an administrator saves it, and says
// whether the right echo comes back. sealed is how WeCom asks (an encrypted echostr); official accounts and
// mini-programs are asked in the clear, whatever their mode (接入指南, 验证消息的确来自微信服务器).
//
// The call comes from this machine, so it shows that name, proxy and certificate are right, not that the
// platform's way to them is open; some networks don't let a machine call its own public address at all.
func TryCallback(ctx context.Context, address, id string, cred Credentials, sealed bool) account.Finding {
	f := account.Finding{Check: "回调地址", Account: id}
	echo := rand.Text()
	query, err := echoQuery(cred, echo, sealed)
	if err != nil {
		f.Verdict, f.What, f.Do = account.Bad, "Token 或 EncodingAESKey 不合规", "请到「设置 → 平台账号」核对这两项，与平台后台填的一致"
		return f
	}
	u, err := url.Parse(address)
	if err != nil {
		f.Verdict, f.What, f.Do = account.Bad, "public_url 不是有效的地址", "请修改配置 public_url"
		return f
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && (ip.IsLoopback() || ip.IsPrivate()) {
		f.Verdict, f.What = account.Doubt, "public_url 是内网或本机地址（"+u.Host+"），平台访问不到"
		f.Do = "请把 public_url 设为平台能访问的域名；公网需要 HTTPS 和备案"
	}
	u.RawQuery = query.Encode()
	status, body, err := fetch(ctx, u.String())
	switch {
	case err != nil:
		f.Verdict, f.What = account.Doubt, "本机访问不到 "+address+"（"+err.Error()+"）"
		f.Do = "请从外网打开这个地址确认域名、证书、反向代理；有些网络不能从内部访问自己的公网地址，外网正常即可"
	case status >= 300 && status < 400:
		f.Verdict, f.What, f.Do = account.Bad, "回调地址被重定向（HTTP "+strconv.Itoa(status)+"），平台不会跟随", "请在反向代理里直接转发，不要重定向，并把 public_url 设为最终地址"
	case status != http.StatusOK || body != echo:
		f.Verdict, f.What = account.Bad, fmt.Sprintf("回调地址没有给出正确的回答（HTTP %d）", status)
		f.Do = "请检查反向代理是否把 /callback/ 原样（含查询参数）转发到 Koi，public_url 是否指向这个 Koi，服务器时间是否准确"
	case f.Verdict == "":
		f.Verdict, f.What = account.Good, "回调地址能访问，签名和加解密正确："+address
	}
	return f
}

func echoQuery(cred Credentials, echo string, sealed bool) (url.Values, error) {
	now := time.Now()
	if sealed {
		c, err := NewCipher(cred)
		if err != nil {
			return nil, err
		}
		sealed := c.Seal([]byte(echo))
		q := c.Query(now, sealed)
		q.Set("echostr", sealed)
		return q, nil
	}
	if cred.Token == "" {
		return nil, errors.New("the callback token is empty")
	}
	var random [8]byte
	rand.Read(random[:])
	timestamp, nonce := strconv.FormatInt(now.Unix(), 10), hex.EncodeToString(random[:])
	return url.Values{"signature": {Sign(cred.Token, timestamp, nonce)}, "timestamp": {timestamp}, "nonce": {nonce}, "echostr": {echo}}, nil
}

// fetch gets a small answer. The error names neither the address nor its query.
func fetch(ctx context.Context, address string) (int, string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, "", errors.New("地址不合规")
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return 0, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 4096))
	return res.StatusCode, strings.TrimSpace(string(body)), err
}

// Failing is a finding made of a call's error: what the platform said and what to do.
func Failing(check, id string, err error) account.Finding {
	f := account.Finding{Check: check, Account: id, Verdict: account.Bad, What: "调用没有成功", Do: "请稍后再试；仍然如此请查看日志"}
	var e *Error
	if errors.As(err, &e) {
		f.What, f.Do = e.Meaning.What, e.Meaning.Do
		if e.Code != 0 && !strings.Contains(f.What, strconv.Itoa(e.Code)) {
			f.What = fmt.Sprintf("%s（错误码 %d）", f.What, e.Code)
		}
	}
	return f
}
