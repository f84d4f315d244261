package httpapi

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"github.com/koi-scrm/koi/app/audit"
	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/clock"
)

// line is a request's line of the audit log while it is being answered.
type line struct {
	audit.Entry
	written bool
	refused bool // by an answer that says so by sending the browser elsewhere
}

type lineKey struct{}

// record returns the line of the request; of one that is not on record, a line nobody keeps.
func record(ctx context.Context) *line {
	if l, ok := ctx.Value(lineKey{}).(*line); ok {
		return l
	}
	return &line{}
}

func (l *line) caller(p *auth.Principal) {
	if p != nil {
		l.Who, l.Role = p.By(), string(p.Role)
	}
}

// on says what the request is about, where its address does not.
func (l *line) on(object string) *line {
	l.Object = object
	return l
}

// with adds a detail. Never a customer's personal value, never a secret.
func (l *line) with(name string, value any) *line {
	if l.Detail == nil {
		l.Detail = map[string]any{}
	}
	l.Detail[name] = value
	return l
}

// recorded puts a route's calls on record, also those that are refused.
func (a *API) recorded(action, path string, refusalsOnly bool) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		c := humagin.Unwrap(ctx)
		l := &line{Entry: audit.Entry{Action: action, Place: c.ClientIP(), Object: object(path, strings.TrimPrefix(c.Request.URL.Path, apiRoot)), Request: requestID(ctx.Context())}}
		done := func(status int) {
			if l.written || refusalsOnly && status < 400 {
				return
			}
			if l.Status, l.Outcome = status, audit.Done; status == http.StatusUnauthorized || status == http.StatusForbidden {
				l.Outcome = audit.Denied
			} else if status >= 400 {
				l.Outcome = audit.Failed
			}
			if c.Writer.Header().Get("Idempotency-Replayed") != "" {
				l.with("replayed", true)
			}
			if l.Who == "" && !a.crowd.admits(l.Place, clock.Ms(a.Clock.Wall())) {
				return
			}
			keep, cancel := context.WithTimeout(context.WithoutCancel(ctx.Context()), requestTime)
			defer cancel()
			a.Audit.Note(keep, l.Entry)
		}
		defer func() {
			if r := recover(); r != nil {
				done(http.StatusInternalServerError)
				panic(r)
			}
		}()
		next(huma.WithContext(ctx, context.WithValue(ctx.Context(), lineKey{}, l)))
		done(c.Writer.Status())
	}
}

// object names what an address is about: through its last variable part, or its first word.
func object(template, path string) string {
	names, parts := strings.Split(strings.Trim(template, "/"), "/"), strings.Split(strings.Trim(path, "/"), "/")
	last := 0
	for i, n := range names {
		if strings.HasPrefix(n, "{") {
			last = i
		}
	}
	return strings.Join(parts[:min(last+1, len(parts))], "/")
}

// crowd keeps strangers from filling the audit log: so many lines of each address in a minute.
type crowd struct {
	mu     sync.Mutex
	minute int64
	seen   map[string]int
}

const (
	strangerLines  = 30
	strangerPlaces = 1000
)

func (c *crowd) admits(place string, wall int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := wall / time.Minute.Milliseconds(); c.seen == nil || m != c.minute {
		c.minute, c.seen = m, map[string]int{}
	}
	if _, known := c.seen[place]; !known && len(c.seen) >= strangerPlaces {
		return false
	}
	c.seen[place]++
	return c.seen[place] <= strangerLines
}

// AuditLine is a line of the audit log.
type AuditLine struct {
	ID           ID             `json:"id"`
	At           time.Time      `json:"at"`
	Who          string         `json:"who,omitempty" doc:"user:登录名、key:密钥名、cli:系统用户；没有登录的为空"`
	Role         string         `json:"role,omitempty"`
	Place        string         `json:"place" doc:"来源地址；命令行为 cli"`
	Action       string         `json:"action" doc:"接口的 operationId，或命令名"`
	ActionName   string         `json:"action_name"`
	Object       string         `json:"object,omitempty"`
	Outcome      string         `json:"outcome" doc:"done denied failed"`
	OutcomeLabel string         `json:"outcome_label"`
	Status       int            `json:"status,omitempty"`
	Request      string         `json:"request_id,omitempty"`
	Detail       map[string]any `json:"detail"`
}

type auditInput struct {
	Page
	Who    string    `query:"who" maxLength:"96" doc:"如 user:anna"`
	Action string    `query:"action" maxLength:"64" doc:"如 revealContact"`
	Object string    `query:"object" maxLength:"255" doc:"如 contacts/12"`
	From   time.Time `query:"from"`
	To     time.Time `query:"to"`
}

// commandNames are what command lines do, for the audit log.
var commandNames = map[string]string{"apply": "命令行：应用配置包", "export": "命令行：导出配置", "user/add": "命令行：添加用户", "user/passwd": "命令行：重设密码",
	"backup": "命令行：备份", "pause": "命令行：暂停处理", "resume": "命令行：恢复处理"}

func (a *API) listAudit(ctx context.Context, in *auditInput) (*listOf[AuditLine], error) {
	place, err := in.place(1)
	if err != nil {
		return nil, err
	}
	f := audit.Filter{Who: in.Who, Action: in.Action, Object: in.Object, Before: place[0], Limit: in.Limit + 1}
	if !in.From.IsZero() {
		f.From = max(0, in.From.UnixMilli())
	}
	if !in.To.IsZero() {
		f.To = max(1, in.To.UnixMilli())
	}
	all, err := a.Audit.List(ctx, f)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(all) > in.Limit {
		all = all[:in.Limit]
		next = cursor(all[in.Limit-1].ID)
	}
	names := map[string]string{}
	for _, r := range a.routes() {
		names[r.id] = r.name
	}
	return &listOf[AuditLine]{mapped(List[audit.Entry]{Items: all, Next: next}, func(e audit.Entry) AuditLine {
		l := AuditLine{ID: ID(e.ID), At: a.at(e.At), Who: e.Who, Role: e.Role, Place: e.Place, Action: e.Action, ActionName: names[e.Action], Object: e.Object,
			Outcome: string(e.Outcome), OutcomeLabel: e.Outcome.Label(), Status: e.Status, Request: e.Request, Detail: e.Detail}
		if l.ActionName == "" {
			l.ActionName = commandNames[e.Action]
		}
		return l
	})}, nil
}
