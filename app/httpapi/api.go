package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/audit"
	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/bundle"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/content"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/doctor"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/journey"
	"github.com/koi-scrm/koi/app/org"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/pipeline"
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/scoring"
	"github.com/koi-scrm/koi/app/secret"
	"github.com/koi-scrm/koi/app/setting"
	"github.com/koi-scrm/koi/app/share"
	"github.com/koi-scrm/koi/app/smstemplate"
	"github.com/koi-scrm/koi/app/stage"
	"github.com/koi-scrm/koi/app/tag"
	"github.com/koi-scrm/koi/app/webhook"
)

// Parts are what the API speaks for.
type Parts struct {
	Stores       *db.Stores
	Keys         *secret.Keys
	Clock        clock.Clock
	Zone         *time.Location
	Gate         *auth.Gate
	Log          *event.Log
	Timeline     *event.Timeline
	Tally        *event.Tally
	Pipeline     *pipeline.Pipeline
	Upkeep       *pipeline.Upkeep
	People       *contact.Directory
	Tags         *tag.Directory
	Scores       *scoring.Directory
	Stages       *stage.Directory
	Journeys     *journey.Directory
	Outbox       *outbox.Outbox
	Ways         *outbox.Ways
	Accounts     *account.Directory
	Tokens       *account.Tokens
	SMSTemplates *smstemplate.Directory
	Staff        *org.Directory
	Shares       *share.Directory
	Settings     *setting.Store
	Bundles      *bundle.Applier
	Audit        *audit.Log
	// Relations are what conditions are asked of in SQL; Scores is filled in from the definitions in force.
	Relations rule.Schema
	Webhooks  *webhook.Directory
	// TryWebhook delivers a sample to a webhook now and says how long that took. Fault: NotFound.
	TryWebhook func(ctx context.Context, key string) (outbox.Outcome, time.Duration, error)
	// Person reads everything conditions may ask of a person, counters included.
	Person journey.PersonReader

	// Doctor looks at the whole of it.
	Doctor *doctor.Doctor
	// SignIn learns from WeCom who opened the staff portal.
	SignIn WeComSignIn
	// QRCode makes a QR code that leads to following an official account: what the picture encodes, and until
	// when it works.
	QRCode func(ctx context.Context, a account.Official, scene string, life time.Duration) (url string, until time.Time, err error)
	// CheckSMS asks Aliyun now whether an account's key works.
	CheckSMS func(ctx context.Context, a account.SMS) account.Health

	// Contents counts how pages do and keeps short links.
	Contents *content.Directory
	// DrawPage draws a page for an editor.
	DrawPage func(*content.Page) ([]byte, error)

	PublicURL string
	Version   string
}

// API answers /api/v1.
type API struct {
	Parts
	origin  string // of PublicURL
	https   bool
	replies *replies
	models  atomic.Pointer[bundle.Models]
	spec    []byte
	crowd   crowd
	looks   sync.Mutex // while one is counted and noted
	// examining is held while the doctor is about.
	examining sync.Mutex
	streams   *streams
	pond      pond
}

// API adds the API to the port. Its models must be set with Use before the port is served.
func (s *Server) API(p Parts) *API {
	hooks()
	a := &API{Parts: p, replies: &replies{db: p.Stores.Koi, keys: p.Keys, clock: p.Clock}, streams: newStreams()}
	s.http.RegisterOnShutdown(a.streams.close)
	if u, err := url.Parse(p.PublicURL); err == nil {
		a.origin, a.https = u.Scheme+"://"+u.Host, u.Scheme == "https"
	}
	a.spec = a.describe(s.engine)
	s.engine.GET(apiRoot+"/openapi.json", func(c *gin.Context) {
		secure(c.Writer.Header())
		c.Data(http.StatusOK, "application/openapi+json", a.spec)
	})
	s.engine.GET(SetupPath, a.setupPage)
	s.engine.NoRoute(a.serveProof, nowhere)
	return a
}

// describe puts the routes on an engine and returns the OpenAPI document of them.
func (a *API) describe(engine *gin.Engine) []byte {
	config := huma.DefaultConfig("Koi 锦鲤", a.Version)
	config.Info.Description = "自托管的微信/企业微信 SCRM。登录用 cookie（改动需带 " + csrfHeader + " 请求头），程序用接口密钥。"
	config.CreateHooks = nil // no $schema members in answers
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"key":     {Type: "http", Scheme: "bearer", Description: "接口密钥 koi_…"},
		"session": {Type: "apiKey", In: "cookie", Name: cookieName},
	}
	h := humagin.New(engine, config)
	for _, r := range a.routes() {
		r.register(a, h)
	}
	spec, err := h.OpenAPI().MarshalJSON()
	if err != nil {
		panic(err) // the routes are fixed; a test makes the document
	}
	return spec
}

// Document is the API's OpenAPI document, without a server that answers.
func Document(version string) []byte {
	gin.SetMode(gin.ReleaseMode) // else it prints its routes
	hooks()
	return (&API{Parts: Parts{Version: version}}).describe(gin.New())
}

// Use takes the definitions in force; at start and after changes.
func (a *API) Use(m *bundle.Models) { a.models.Store(m) }

// purgeEvery is how often answers whose time is over are deleted.
const purgeEvery = time.Hour

// Run deletes what is over until ctx ends.
func (a *API) Run(ctx context.Context) error {
	t := time.NewTicker(purgeEvery)
	defer t.Stop()
	for {
		if err := a.replies.purge(ctx); err != nil && ctx.Err() == nil {
			slog.Warn("清理过期的请求结果失败，下次再试", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// now is business time.
func (a *API) now() int64 { return clock.Ms(a.Clock.Now()) }

// at shows an instant in the business zone.
func (a *API) at(ms int64) time.Time { return time.UnixMilli(ms).In(a.Zone) }

// since shows an instant that may be none.
func (a *API) since(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	t := a.at(ms)
	return &t
}

// access says who may call a route.
type access struct {
	open       bool            // anybody
	users      bool            // only signed-in users, no keys
	permission auth.Permission // "": none beyond that
}

var (
	anybody = access{open: true}
	anyone  = access{}            // whoever is known: users and keys
	anyUser = access{users: true} // users
)

func may(p auth.Permission) access { return access{permission: p} }

// route is a line of the table.
type route struct {
	id, method, path string
	who              access
	name             string // Chinese
	register         func(a *API, h huma.API)
}

// to makes a line of the table.
func to[I, O any](id, method, path string, who access, name string, do func(context.Context, *I) (*O, error), more ...func(*huma.Operation)) route {
	return route{id: id, method: method, path: path, who: who, name: name, register: func(a *API, h huma.API) {
		noun, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		op := huma.Operation{OperationID: id, Method: method, Path: apiRoot + path, Summary: name, Tags: []string{noun}, Metadata: map[string]any{},
			MaxBodyBytes: 1 << 20, BodyReadTimeout: 10 * time.Second, RejectUnknownQueryParameters: true}
		if !who.open {
			op.Security = []map[string][]string{{"session": {}}}
			if !who.users {
				op.Security = append(op.Security, map[string][]string{"key": {}})
			}
		}
		if who.permission != "" {
			op.Description = "权限：" + who.permission.Label() + "（" + string(who.permission) + "）"
			op.Extensions = map[string]any{"x-permission": who.permission}
		}
		for _, f := range more {
			f(&op)
		}
		is := func(what string) bool { return op.Metadata[what] == true }
		if method != http.MethodGet && !is(readsOnly) {
			op.Middlewares = append(op.Middlewares, a.recorded(id, path, is(recordedElsewhere)))
		}
		op.Middlewares = append(op.Middlewares, a.guard(who, is(staysOpen)))
		if method == http.MethodPost && !who.open && !who.users { // those answer with a cookie, which is nobody else's
			if !is(neverReplayed) {
				op.Middlewares = append(op.Middlewares, a.once)
			}
			op.Parameters = append(op.Parameters, &huma.Param{Name: idempotencyHeader, In: "header", Description: "同一个值的重复请求只做一次，24 小时内返回第一次的结果",
				Schema: &huma.Schema{Type: huma.TypeString}})
		}
		huma.Register(h, op, func(ctx context.Context, in *I) (*O, error) {
			out, err := do(ctx, in)
			if err != nil {
				return nil, failed(ctx, err)
			}
			return out, nil
		})
	}}
}

// What a route can be beyond the ordinary, kept in its operation's metadata.
const (
	readsOnly         = "reads"    // a POST that changes nothing: not on record
	recordedElsewhere = "recorded" // its successes stand in the log themselves: only refusals are on record
	neverReplayed     = "fresh"    // a repeat is done again: every look counts
	staysOpen         = "open"     // the answer goes on as long as the caller listens
)

// marked makes a route one of these.
func marked(what string) func(*huma.Operation) {
	return func(o *huma.Operation) { o.Metadata[what] = true }
}

func status(code int) func(*huma.Operation) {
	return func(o *huma.Operation) { o.DefaultStatus = code }
}

// wide lets a body be larger.
func wide(bytes int64) func(*huma.Operation) {
	return func(o *huma.Operation) { o.MaxBodyBytes = bytes }
}

// ownChecks: the handler looks at the body itself, which may be larger.
func ownChecks(bytes int64) func(*huma.Operation) {
	return func(o *huma.Operation) { o.SkipValidateBody, o.MaxBodyBytes = true, bytes }
}
