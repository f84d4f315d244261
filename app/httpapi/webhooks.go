package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/bundle"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/setting"
	"github.com/koi-scrm/koi/app/webhook"
)

// Webhook is the address of another system that is told what happened. What was delivered to it stands in
// /messages?channel=webhook&account={key}.
type Webhook struct {
	Key        string    `json:"key"`
	Name       string    `json:"name"`
	URL        string    `json:"url" doc:"没有管理权限时，? 后面的值不显示：里面可能有密钥"`
	Note       string    `json:"note,omitempty"`
	Off        bool      `json:"off" doc:"已停用：不再发送"`
	SecretFile string    `json:"secret_file,omitempty" doc:"签名密钥在服务器的这个文件里；没有则由 Koi 加密保存"`
	Rev        int64     `json:"rev"`
	UpdatedAt  time.Time `json:"updated_at"`
	UpdatedBy  string    `json:"updated_by"`
	Secret     string    `json:"secret,omitempty" doc:"签名密钥，只在创建和重新生成时返回这一次"`
}

func (a *API) webhook(ctx context.Context, h *webhook.Hook) Webhook {
	out := Webhook{Key: h.Key, Name: h.Name, URL: h.Shown(), Note: h.Note, Off: h.Off, Rev: h.Rev, UpdatedAt: a.at(h.UpdatedAt), UpdatedBy: h.UpdatedBy}
	if by(ctx).May(auth.WriteAccounts) {
		out.URL, out.SecretFile = h.URL, h.SecretFile
	}
	return out
}

func (a *API) listWebhooks(ctx context.Context, in *Page) (*listOf[Webhook], error) {
	list, err := window(a.Webhooks.Model().Hooks(), *in)
	return &listOf[Webhook]{mapped(list, func(h *webhook.Hook) Webhook { return a.webhook(ctx, h) })}, err
}

// WebhookRef is the address of a webhook.
type WebhookRef struct {
	Key string `path:"key" maxLength:"96"`
}

func (a *API) getWebhook(ctx context.Context, in *WebhookRef) (*answer[Webhook], error) {
	h, err := a.Webhooks.Get(in.Key)
	if err != nil {
		return nil, err
	}
	return &answer[Webhook]{a.webhook(ctx, h)}, nil
}

// WebhookChange is what may be entered of a webhook; what is absent stays.
type WebhookChange struct {
	Name *string `json:"name,omitempty"`
	URL  *string `json:"url,omitempty" doc:"https:// 或 http:// 开头的公网地址"`
	Note *string `json:"note,omitempty"`
	Off  *bool   `json:"off,omitempty"`
}

func (c WebhookChange) over(d webhook.Definition) webhook.Definition {
	for into, v := range map[*string]*string{&d.Name: c.Name, &d.URL: c.URL, &d.Note: c.Note} {
		if v != nil {
			*into = *v
		}
	}
	if c.Off != nil {
		d.Off = *c.Off
	}
	return d
}

// saveWebhook puts a definition in force. Paths of problems are the members of the request's body.
func (a *API) saveWebhook(ctx context.Context, key string, d webhook.Definition, rev int64) (*webhook.Hook, error) {
	body, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encode webhook %s: %w", key, err)
	}
	e := bundle.Edit{Kind: webhook.Kind, Key: key, Body: body, Rev: rev}
	if _, err := a.Bundles.Edit(ctx, e, by(ctx).By()); err != nil {
		return nil, a.overtaken(ctx, e, err)
	}
	return a.Webhooks.Get(key) // whoever is told of changes has been told
}

type newWebhookInput struct {
	Body struct {
		Key string `json:"key" maxLength:"96" doc:"不变的英文名，如 erp；旅程里用它"`
		WebhookChange
	}
}

func (a *API) addWebhook(ctx context.Context, in *newWebhookInput) (*answer[Webhook], error) {
	record(ctx).on("webhooks/" + in.Body.Key)
	if a.Webhooks.Model().Get(in.Body.Key) != nil {
		return nil, fault.New(fault.Conflict, "已经有 Webhook %s：请换一个 key，或修改原来的", in.Body.Key)
	}
	h, err := a.saveWebhook(ctx, in.Body.Key, in.Body.over(webhook.Definition{}), setting.Absent)
	if err != nil {
		return nil, err
	}
	return a.freshSecret(ctx, h)
}

// freshSecret gives a webhook a new secret and shows it this once.
func (a *API) freshSecret(ctx context.Context, h *webhook.Hook) (*answer[Webhook], error) {
	secret, err := a.Webhooks.Rotate(ctx, h, by(ctx).By())
	if err != nil {
		return nil, err
	}
	shown := a.webhook(ctx, h)
	shown.Secret = secret
	return &answer[Webhook]{shown}, nil
}

func (a *API) changeWebhook(ctx context.Context, in *struct {
	WebhookRef
	Seen
	Body WebhookChange
}) (*answer[Webhook], error) {
	rev, err := in.seen()
	if err != nil {
		return nil, err
	}
	if _, err := a.Webhooks.Get(in.Key); err != nil {
		return nil, err
	}
	it, err := a.Settings.Get(ctx, webhook.Kind, in.Key) // as it is stored, with its version
	if err != nil {
		return nil, err
	}
	var now webhook.Definition
	if err := setting.Decode(it.Body, &now); err != nil {
		return nil, fmt.Errorf("read webhook %s: %w", in.Key, err)
	}
	h, err := a.saveWebhook(ctx, in.Key, in.Body.over(now), cmp.Or(rev, it.Rev))
	if err != nil {
		return nil, err
	}
	return &answer[Webhook]{a.webhook(ctx, h)}, nil
}

// deleteWebhook is refused while a journey uses it.
func (a *API) deleteWebhook(ctx context.Context, in *WebhookRef) (*struct{}, error) {
	h, err := a.Webhooks.Get(in.Key)
	if err != nil {
		return nil, err
	}
	if _, err := a.Bundles.Edit(ctx, bundle.Edit{Kind: webhook.Kind, Key: in.Key, Delete: true, Rev: h.Rev}, by(ctx).By()); err != nil {
		return nil, err
	}
	return &struct{}{}, a.Webhooks.Forget(ctx, in.Key)
}

func (a *API) rotateWebhookSecret(ctx context.Context, in *WebhookRef) (*answer[Webhook], error) {
	h, err := a.Webhooks.Get(in.Key)
	if err != nil {
		return nil, err
	}
	return a.freshSecret(ctx, h)
}

// WebhookTrial is what came of a test.
type WebhookTrial struct {
	OK     bool   `json:"ok" doc:"对方回答了 2xx"`
	Status int    `json:"status,omitempty" doc:"对方回答的 HTTP 状态码；没有表示没有回答，或是 2xx"`
	TookMs int64  `json:"took_ms"`
	Detail string `json:"detail" doc:"发生了什么、该怎么办"`
}

// testWebhook delivers a sample now. What the other side says is the answer, also when it says no.
func (a *API) testWebhook(ctx context.Context, in *WebhookRef) (*answer[WebhookTrial], error) {
	o, took, err := a.TryWebhook(ctx, in.Key)
	if err != nil {
		return nil, err
	}
	out := WebhookTrial{OK: o.Status == outbox.Sent, Status: o.Code, TookMs: took.Milliseconds(), Detail: o.Reason}
	if out.OK {
		out.Detail = "对方已收到测试：请在接收方核对签名（X-Koi-Signature）是否通过"
	}
	return &answer[WebhookTrial]{out}, nil
}

// maySee refuses definitions that not everybody who may read definitions may read: the address of a webhook
// may hold a key. Fault: Denied.
func maySee(ctx context.Context, kind string) error {
	if kind == webhook.Kind {
		return by(ctx).Require(auth.WriteAccounts)
	}
	return nil
}

// shownTo leaves out definitions the caller may not see.
func shownTo(ctx context.Context, items []setting.Item) []setting.Item {
	return slices.DeleteFunc(slices.Clone(items), func(it setting.Item) bool { return maySee(ctx, it.Kind) != nil })
}
