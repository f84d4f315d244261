package sms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/smstemplate"
)

// Examiner finds out what is missing on Aliyun's side for short messages to work.
type Examiner struct {
	templates *Templates
	accounts  *account.Directory
	public    string
}

// NewExaminer makes an examiner; public is the address Aliyun reaches Koi at.
func NewExaminer(client *Client, accounts *account.Directory, public string) *Examiner {
	return &Examiner{templates: NewTemplates(client), accounts: accounts, public: strings.TrimRight(public, "/")}
}

// Examine looks at every signature. It sends nothing to anybody.
func (x *Examiner) Examine(ctx context.Context) []account.Finding {
	var out []account.Finding
	for _, acc := range x.accounts.SMSes() {
		out = append(out, x.reviews(ctx, acc), x.receipts(ctx, acc))
	}
	return out
}

// reviews asks for the templates, which shows that the key works and what may be sent.
func (x *Examiner) reviews(ctx context.Context, acc account.SMS) account.Finding {
	f := account.Finding{Check: "短信模板", Account: acc.ID()}
	list, err := x.templates.Templates(ctx, acc)
	if err != nil {
		f.Verdict, f.What, f.Do = account.Bad, "向阿里云查询失败", "请稍后重试，详情见日志"
		var said *fault.Error
		if errors.As(err, &said) {
			what, do, _ := strings.Cut(said.Message, "：")
			f.What, f.Do = what, do
		}
		return f
	}
	approved := 0
	for _, t := range list {
		if t.State == smstemplate.Approved && t.Kind != smstemplate.Other {
			approved++
		}
	}
	if approved == 0 {
		f.Verdict, f.What, f.Do = account.Doubt, fmt.Sprintf("AccessKey 可用，%d 个模板都还不能用", len(list)), "请在阿里云短信控制台申请模板，审核通过后才能发送"
		return f
	}
	f.Verdict, f.What = account.Good, fmt.Sprintf("AccessKey 可用，%d 个模板里 %d 个审核通过", len(list), approved)
	return f
}

// receipts pushes an empty list to the account's own address, as Aliyun would.
func (x *Examiner) receipts(ctx context.Context, acc account.SMS) account.Finding {
	f := account.Finding{Check: "短信回执地址", Account: acc.ID()}
	if acc.ReceiptToken == "" {
		f.Verdict, f.What, f.Do = account.Doubt, "没有填 receipt_token，收不到回执和退订", "请填一段随机的字母数字，再把回执和上行地址填到阿里云「系统设置 → 通用设置」"
		return f
	}
	f.Verdict, f.Do = account.Bad, "请检查 public_url、域名解析和反向代理，阿里云要从公网访问到它"
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, x.public+"/callback/sms/aliyun/"+acc.ReceiptToken+"/report", strings.NewReader("[]"))
	if err != nil {
		f.What = "地址写法不对"
		return f
	}
	req.Header.Set("Content-Type", "application/json")
	began := time.Now()
	// Aliyun follows no redirect either.
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil { // its words would tell the token
		f.Verdict, f.What = account.Doubt, "本机访问不到自己的回执地址：没有回答，或证书无效"
		f.Do += "；有些网络不能从内部访问自己的公网地址，外网正常即可"
		return f
	}
	defer resp.Body.Close()
	var said struct{ Code *int }
	_ = json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&said) // what is no JSON has no code
	took := time.Since(began).Round(time.Millisecond)
	switch {
	case resp.StatusCode != http.StatusOK || said.Code == nil || *said.Code != 0:
		f.What = fmt.Sprintf("回答了状态 %d，不是 Koi 的回答", resp.StatusCode)
	case took > 700*time.Millisecond:
		f.Verdict, f.What, f.Do = account.Doubt, fmt.Sprintf("%v 才有回答，阿里云只等 700 毫秒", took), "请检查服务器负载和网络"
	default:
		f.Verdict, f.What, f.Do = account.Good, fmt.Sprintf("能收到推送（%v）", took), ""
	}
	return f
}
