package httpapi

import (
	"context"
	"time"

	"github.com/koi-scrm/koi/app/smstemplate"
)

// SMSTemplate is an SMS template as Aliyun reviewed it.
type SMSTemplate struct {
	Account   string    `json:"account" doc:"短信签名"`
	Code      string    `json:"code" doc:"模板 CODE"`
	Name      string    `json:"name"`
	Kind      string    `json:"kind" doc:"code 验证码，notice 通知，marketing 推广，other 其他"`
	KindName  string    `json:"kind_name"`
	Content   string    `json:"content"`
	Variables []string  `json:"variables" doc:"内容里的变量，每个 1 到 35 个字"`
	State     string    `json:"state" doc:"reviewing approved rejected cancelled"`
	StateName string    `json:"state_name"`
	Reason    string    `json:"reason,omitempty" doc:"审核没有通过的原因"`
	Problem   string    `json:"problem,omitempty" doc:"现在为什么不能用"`
	SeenAt    time.Time `json:"seen_at" doc:"阿里云什么时候这样说的"`
}

// SMSTemplateReview says how far what is known of an account's templates can be trusted.
type SMSTemplateReview struct {
	Account string     `json:"account" doc:"短信签名"`
	TriedAt *time.Time `json:"tried_at,omitempty" doc:"最近一次向阿里云查询"`
	SeenAt  *time.Time `json:"seen_at,omitempty" doc:"最近一次查到；没有表示还不知道任何模板，发送时由阿里云判断"`
	Problem string     `json:"problem,omitempty" doc:"最近一次为什么没有查到"`
}

// SMSTemplates is a page of templates, with what is known of each account.
type SMSTemplates struct {
	List[SMSTemplate]
	Reviews []SMSTemplateReview `json:"reviews"`
}

type smsTemplatesInput struct {
	Page
	Account string `query:"account" maxLength:"96" doc:"只看一个短信签名"`
}

func (a *API) smsTemplates(in *smsTemplatesInput) (*answer[SMSTemplates], error) {
	all, reviews := a.SMSTemplates.List()
	var chosen []smstemplate.Template
	for _, t := range all {
		if in.Account == "" || in.Account == t.Account {
			chosen = append(chosen, t)
		}
	}
	list, err := window(chosen, in.Page)
	if err != nil {
		return nil, err
	}
	out := SMSTemplates{Reviews: []SMSTemplateReview{}}
	out.List = mapped(list, func(t smstemplate.Template) SMSTemplate {
		return SMSTemplate{Account: t.Account, Code: t.Code, Name: t.Name, Kind: string(t.Kind), KindName: t.Kind.Label(), Content: t.Content,
			Variables: append([]string{}, t.Variables()...), State: string(t.State), StateName: t.State.Label(), Reason: t.Reason,
			Problem: t.Usable(t.Kind), SeenAt: a.at(t.SeenAt)}
	})
	for _, r := range reviews {
		if in.Account == "" || in.Account == r.Account {
			out.Reviews = append(out.Reviews, SMSTemplateReview{Account: r.Account, TriedAt: a.since(r.TriedAt), SeenAt: a.since(r.SeenAt), Problem: r.Problem})
		}
	}
	return &answer[SMSTemplates]{out}, nil
}

func (a *API) listSMSTemplates(_ context.Context, in *smsTemplatesInput) (*answer[SMSTemplates], error) {
	return a.smsTemplates(in)
}

// refreshSMSTemplates asks Aliyun now. What it could not be asked stands in the reviews.
func (a *API) refreshSMSTemplates(ctx context.Context, _ *struct{}) (*answer[SMSTemplates], error) {
	if err := a.SMSTemplates.Refresh(ctx); err != nil {
		return nil, err
	}
	return a.smsTemplates(&smsTemplatesInput{Page: Page{Limit: 200}})
}
