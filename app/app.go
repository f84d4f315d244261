// Package app is the composition root: the whole of Koi on one page. It makes every part, says who stands
// on whom, and starts and stops them in order. It decides nothing itself.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

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
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/httpapi"
	"github.com/koi-scrm/koi/app/journey"
	"github.com/koi-scrm/koi/app/lease"
	"github.com/koi-scrm/koi/app/message"
	"github.com/koi-scrm/koi/app/org"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/pipeline"
	"github.com/koi-scrm/koi/app/reach"
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/scoring"
	"github.com/koi-scrm/koi/app/secret"
	"github.com/koi-scrm/koi/app/setting"
	"github.com/koi-scrm/koi/app/share"
	"github.com/koi-scrm/koi/app/smstemplate"
	"github.com/koi-scrm/koi/app/stage"
	"github.com/koi-scrm/koi/app/tag"
	"github.com/koi-scrm/koi/app/web"
	"github.com/koi-scrm/koi/app/webhook"
	"github.com/koi-scrm/koi/channels/miniprogram"
	"github.com/koi-scrm/koi/channels/officialaccount"
	"github.com/koi-scrm/koi/channels/sms"
	webhookchannel "github.com/koi-scrm/koi/channels/webhook"
	"github.com/koi-scrm/koi/channels/wechat"
	"github.com/koi-scrm/koi/channels/wecom"
	"github.com/koi-scrm/koi/configs"
	"github.com/koi-scrm/koi/h5"
	"github.com/koi-scrm/koi/migrations"
)

// App is one Koi process.
type App struct {
	Config   *configs.Config
	Stores   *db.Stores
	Clock    clock.Clock
	Keys     *secret.Keys
	Settings *setting.Store
	Accounts *account.Directory
	Tokens   *account.Tokens
	Staff    *org.Directory
	People   *contact.Directory
	Log      *event.Log
	Timeline *event.Timeline
	Tally    *event.Tally
	Pipeline *pipeline.Pipeline
	Upkeep   *pipeline.Upkeep
	Outbox   *outbox.Outbox
	Tags     *tag.Directory
	Scores   *scoring.Directory
	Stages   *stage.Directory
	Webhooks *webhook.Directory
	// SMSTemplates mirrors how Aliyun reviewed the SMS templates.
	SMSTemplates *smstemplate.Directory
	Journeys     *journey.Directory
	Doctor       *doctor.Doctor
	Gate         *auth.Gate
	Audit        *audit.Log
	Bundles      *bundle.Applier
	Server       *httpapi.Server
	API          *httpapi.API

	// Invitations make the addresses of one-time subscriptions, for the pages that ask.
	Invitations *officialaccount.Invitations

	appending  *lease.Lease
	processing *lease.Lease
	profiles   *contact.Profiles
	reconciler *contact.Reconciler
	wecomOrg   *wecom.Directories
	transport  *wechat.Transport
	caller     *wechat.Caller
	dispatcher *outbox.Dispatcher
	settles    *outbox.Settlements
	aliyun     *sms.Client
	guard      *webhook.Guard
	signIn     *wecom.OAuth
	webhooks   *webhookchannel.Sender
	review     *rule.Review
	ways       *outbox.Ways
	model      *models
	process    int64 // names this run of the program among all
	commands   map[string]Command
	listener   net.Listener
	unlock     func() error
	ready      atomic.Bool
}

// Open takes the data directory, opens and migrates the stores and makes every part; nothing runs yet. It
// waits while another process holds the data directory.
func Open(ctx context.Context, cfg *configs.Config, clk clock.Clock) (*App, error) {
	a := &App{Config: cfg, Clock: clk}
	if err := a.open(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *App) open(ctx context.Context) (err error) {
	if a.unlock, err = waitForDir(ctx, a.Config.DataDir); err != nil {
		return err
	}
	if a.Keys, err = secret.Load(a.Config.SecretKey, a.Config.DataDir); err != nil {
		return err
	}
	if a.Stores, err = db.Open(ctx, db.Config{Driver: db.Engine(a.Config.Database.Driver), DSN: a.Config.Database.DSN, DataDir: a.Config.DataDir}); err != nil {
		return err
	}
	if err := a.Stores.Migrate(ctx, migrations.Files); err != nil {
		return err
	}
	node, err := lease.Node(a.Config.DataDir)
	if err != nil {
		return err
	}
	if a.Config.PublicURL == "" { // port 0: only who listens knows the address that messages link to
		addr, err := a.Listen()
		if err != nil {
			return err
		}
		a.Config.PublicURL = "http://" + addr.String()
	}
	a.Settings = setting.New(a.Stores, a.Clock)
	if err := a.checkKey(ctx); err != nil {
		return err
	}
	a.appending, a.processing = lease.New(a.Stores.Log, "append", node), lease.New(a.Stores.Koi, "process", node)
	return a.build(ctx, node)
}

// build makes the parts, from the ground up.
func (a *App) build(ctx context.Context, node string) (err error) {
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	counter := &event.Counter{}

	a.Log = event.NewLog(a.Stores.Log, a.appending, a.Keys, a.Clock, counter, metrics)
	a.Timeline = event.NewTimeline(a.Stores.Koi)
	a.Tally = event.NewTally(a.Stores.Koi, a.Config.Location)
	a.Accounts = account.New(a.Stores, a.Keys, a.Clock, a.Config.Accounts)
	a.Staff = org.New(a.Stores.Koi, a.Clock)
	a.People = contact.NewDirectory(a.Stores.Koi, a.Keys)

	// The outside world.
	if a.transport, err = wechat.NewTransport(wechat.Options{WeChatBase: a.Config.Channels.WeChat.BaseURL, WeComBase: a.Config.Channels.WeCom.BaseURL}); err != nil {
		return err
	}
	a.Tokens = account.NewTokens(a.Stores, a.Keys, a.Clock, wechat.NewTokenSource(a.transport), account.DefaultTokenRules)
	caller := wechat.NewCaller(a.transport, a.Tokens)
	a.caller = caller
	corp := wecom.NewClient(caller)
	a.wecomOrg = wecom.NewDirectories(corp, a.Accounts)
	a.signIn = wecom.NewOAuth(corp, a.Config.Channels.WeCom.OAuthURL)
	platforms := profiles{wecom: corp, official: officialaccount.NewUsers(caller), accounts: a.Accounts}
	a.profiles = contact.NewProfiles(a.Stores.Koi, a.Clock, a.Log, platforms)

	// The pipeline's stages, in order.
	a.process = clock.Ms(a.Clock.Wall())
	sent := outbox.NewMetrics(metrics)
	senders, err := a.senders(caller, corp)
	if err != nil {
		return err
	}
	a.dispatcher = outbox.NewDispatcher(outbox.DispatcherConfig{Log: a.Log, Clock: a.Clock, Metrics: sent, Senders: senders})
	a.settles = outbox.NewSettlements(a.Stores.Koi, a.Log, a.Keys, a.Clock, senders)
	people, facts := contact.NewStage(a.Keys), rule.NewPeople()
	windows, shares := reach.NewStage(people, a.Config.Location), share.NewStage(people, a.Keys)
	pages := content.NewStage(people)
	facts.By(windows)
	counters := rule.NewCounters(people, facts, &relations, a.Config.Location)
	tags := tag.NewStage(people, facts)
	scores := scoring.NewStage(people, facts, a.Config.Location)
	stages := stage.NewStage(people, facts)
	var journeys *journey.Stage
	messages := outbox.NewStage(outbox.Config{People: people, Reach: windows, Dispatcher: a.dispatcher, Keys: a.Keys, Metrics: sent,
		Process: a.process, Seats: a.seats, Waits: func(typ string) bool { return journeys.Waits(typ) },
		Receipts: []outbox.Channel{outbox.OfficialTemplate, outbox.OfficialNotice, outbox.MiniSubscribe, outbox.SMS}, Digest: a.digest})
	a.Scores = scoring.NewDirectory(a.Stores.Koi, scores, a.Timeline, a.Settings)
	journeys = journey.NewStage(journey.Config{Contacts: people, People: facts, Tags: tags, Scores: a.Scores, Stages: stages, Outbox: messages, Staff: a.Staff,
		Accounts: a.Accounts, Settings: a.Settings, PublicURL: a.Config.PublicURL})
	a.review = rule.NewReview(a.Stores.Koi, a.Clock, a.Config.Location, tags.Drifted, scores.Drifted, stages.Drifted)
	counters.OnReady(a.review.Again)
	a.Pipeline = pipeline.New(pipeline.Config{Log: a.Log, DB: a.Stores.Koi, Lease: a.processing, Clock: a.Clock, Counter: counter, Metrics: metrics,
		Stages: []event.Stage{event.NewSeen(), messages.Receipts(), org.NewStage(a.Staff), people, windows, shares, pages, counters, tags, scores, stages, journeys, messages, a.review, a.Timeline, a.Tally},
		Timers: []event.Timers{messages, journeys, tags, shares, counters, a.review}})
	a.Upkeep = pipeline.NewUpkeep(a.Pipeline, a.Timeline, a.retention(), node)
	a.reconciler = contact.NewReconciler(contact.ReconcilerConfig{DB: a.Stores.Koi, Keys: a.Keys, Clock: a.Clock, Log: a.Log,
		Census: census{platforms}, Source: platforms, Applied: a.Pipeline.Wait, Outage: a.Upkeep.LastOutage})
	a.Outbox = outbox.New(a.Stores.Koi, a.Log, a.Keys, a.Clock, a.Config.Location)
	a.ways = outbox.NewWays(messages, a.Stores.Koi, a.Clock, a.Config.Location)

	a.Tags = tag.NewDirectory(a.Stores.Koi, tags)
	a.Stages = stage.NewDirectory(a.Stores.Koi, stages, a.Timeline)
	person := a.person(counters)
	a.Journeys = journey.NewDirectory(a.Stores.Koi, journeys, a.Timeline, a.Clock, person)
	metrics.MustRegister(a.Journeys.Gauge())
	a.Gate, a.Audit = auth.New(a.Stores, a.Clock), audit.New(a.Stores.Koi, a.Clock)
	a.Staff.RolesFrom(a.Gate.StaffByRole)
	a.Upkeep.Also(a.purge(counters, a.Scores))

	world := bundle.World{Zone: a.Config.Location, Today: today(a.Clock, a.Config.Location), StaffName: a.staffName, Webhooks: a.guard, SMSTemplates: a.SMSTemplates}
	a.Bundles = bundle.NewApplier(a.Settings, world)
	site := h5.NewSite(h5.SiteConfig{Log: a.Log, Clock: a.Clock, Keys: a.Keys, Links: content.NewDirectory(a.Stores.Koi), PublicURL: a.Config.PublicURL, Metrics: metrics,
		WeChat: pageWeChat{officialaccount.NewWeb(caller, a.transport, a.Accounts, a.Clock)}})
	a.model = &models{settings: a.Settings, world: world, staff: a.Staff, people: people, counters: counters, tags: tags, scores: scores,
		stages: stages, journeys: journeys, messages: messages, webhooks: a.Webhooks, pages: pages, site: site, review: a.review, inside: a.Journeys.Versions, between: a.Pipeline.Between}

	a.Invitations = officialaccount.NewInvitations(a.Keys, a.Clock, a.Config.PublicURL)
	callbacks := wechat.NewCallbacks(a.Log, a.Clock, a.Config.Callback.Freshness, metrics)
	a.Server = httpapi.NewServer([]httpapi.Door{
		wecom.NewDoor(a.Accounts, callbacks),
		officialaccount.NewDoor(a.Accounts, callbacks),
		officialaccount.NewAnswers(a.Accounts, callbacks, a.Invitations),
		miniprogram.NewDoor(a.Accounts, callbacks),
		sms.NewDoor(a.Accounts, a.Log, a.Clock, metrics),
		h5.NewDoor(h5.Config{Log: a.Log, Clock: a.Clock, Keys: a.Keys, Lag: a.lag, PublicURL: a.Config.PublicURL, Metrics: metrics}),
		site,
	}, a.isReady, metrics)
	a.Doctor = a.newDoctor(caller, corp)
	a.Server.Mount(http.MethodGet, "/console/*screen", web.Console())
	a.Server.Mount(http.MethodGet, "/staff/*screen", web.Staff())
	a.Server.Mount(http.MethodGet, "/", http.RedirectHandler("/console/", http.StatusFound))
	if err := a.Server.Trust(a.Config.TrustedProxies); err != nil {
		return fault.Wrap(err, fault.Invalid, "trusted_proxies 写法不对")
	}
	a.API = a.api(person)
	a.model.api = a.API
	a.commands = a.commandTable()

	if err := errors.Join(a.Accounts.Reload(ctx), a.model.load(ctx)); err != nil {
		return err
	}
	a.Settings.OnChange(a.model.reload)
	return nil
}

// digest is one message of the alerts that an hour's cap held back from a member of staff.
func (a *App) digest(since int64, alerts [][]byte) (string, []byte, error) {
	kind, body, err := message.Digest(time.UnixMilli(since).In(a.Config.Location), alerts, a.Config.PublicURL+"/staff/leads")
	return string(kind), body, err
}

// seats is how many staff a WeCom app reaches, for its daily quota.
func (a *App) seats(id string) int {
	corp, _, _ := account.SplitWeComID(id)
	return len(a.Staff.List(corp))
}

func (a *App) staffName(corpID, userID string) string {
	s, err := a.Staff.Get(corpID, userID)
	if err != nil {
		return ""
	}
	return s.Name
}

// Listen opens the port; Run answers on it. Separate, so that who starts Koi learns the address first.
func (a *App) Listen() (net.Addr, error) {
	if a.listener != nil {
		return a.listener.Addr(), nil
	}
	l, err := net.Listen("tcp", a.Config.Listen)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "监听不了 %s：端口可能被占用，请改 listen 或停掉占用它的程序", a.Config.Listen)
	}
	a.listener = l
	return l.Addr(), nil
}

// Run serves until ctx ends, then stops in order: doors, pipeline, senders (whose results are appended
// still), log, leases; within 10 s. It waits for the leases while another node holds them, and returns
// lease.ErrLost when one is taken over.
func (a *App) Run(ctx context.Context) error {
	if _, err := a.Listen(); err != nil {
		return err
	}
	// Each layer ends only after the one above it is done.
	base := context.WithoutCancel(ctx)
	failed := make(chan error, 16)
	doors := start(base, failed, func(context.Context) error { return a.Server.Serve(a.listener) }, a.serveSocket, a.Audit.Run)
	closeDoors := func() error {
		ctx, cancel := context.WithTimeout(base, 5*time.Second)
		defer cancel()
		defer doors.stop()
		return a.Server.Stop(ctx)
	}
	if err := lease.AcquireAll(ctx, a.appending, a.processing); err != nil {
		return errors.Join(ctxEnded(err), closeDoors())
	}
	// While this node waited, another one may have changed definitions; if nobody ever made any, we begin.
	// The log comes last: it lets callbacks in.
	if err := errors.Join(a.Pipeline.Load(ctx), a.seed(ctx), a.model.load(ctx), a.Log.Load(ctx)); err != nil {
		return errors.Join(ctxEnded(err), closeDoors())
	}
	leases := start(base, failed, a.appending.Keep, a.processing.Keep)
	appending := start(base, failed, a.Log.Run)
	sending := start(base, failed, a.dispatcher.Run)
	processing := start(base, failed, a.Pipeline.Run)
	around := start(base, failed, a.Upkeep.Run, a.Settings.Watch, a.Accounts.Run, a.profiles.Run, a.reconciler.Run, a.review.Run, a.model.watch, a.Gate.Run, a.API.Run, a.recoverOutbox, a.settles.Run, a.SMSTemplates.Run, a.hurry, a.followRoles,
		func(ctx context.Context) error { return a.Staff.Run(ctx, a.wecomOrg) })
	a.ready.Store(true)
	slog.Info("Koi 已就绪", "listen", a.listener.Addr().String(), "public_url", a.Config.PublicURL)

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	a.ready.Store(false)
	err = errors.Join(err, closeDoors())
	for _, g := range []*group{around, processing, sending, appending, leases} {
		g.stop()
	}
	slog.Info("Koi 已停止")
	return err
}

// followRoles lets alerts find who has a role now. Another node's administrators are noticed within a minute.
func (a *App) followRoles(ctx context.Context) error {
	t := time.NewTicker(time.Minute)
	defer t.Stop()
	for {
		changed := a.Gate.Changed()
		if err := a.Staff.Load(ctx); err != nil && ctx.Err() == nil {
			slog.Warn("读取员工与角色失败，一分钟后再试", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-t.C:
		}
	}
}

// recoverOutbox settles what the run before left on its way, once everything it had logged is applied. A
// database that is away is waited for.
func (a *App) recoverOutbox(ctx context.Context) error {
	settle := func() error {
		for _, lane := range []event.Lane{event.Priority, event.Normal} {
			head, err := a.Log.Head(ctx, lane)
			if err == nil {
				err = a.Pipeline.Wait(ctx, lane, head)
			}
			if err != nil {
				return err
			}
		}
		_, err := a.Outbox.Recover(ctx, a.process)
		return err
	}
	for ctx.Err() == nil {
		err := settle()
		if err == nil {
			break
		}
		slog.Warn("核对上次没有结果的消息失败，稍后重试", "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	return nil
}

func ctxEnded(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// group is goroutines that end together.
type group struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// start runs functions until the group is stopped; the error of one that ends before goes to failed.
func start(ctx context.Context, failed chan<- error, runs ...func(context.Context) error) *group {
	ctx, cancel := context.WithCancel(ctx)
	g := &group{cancel: cancel}
	for _, run := range runs {
		g.done.Add(1)
		go func() {
			defer g.done.Done()
			if err := run(ctx); err != nil && ctx.Err() == nil {
				failed <- err
			}
		}()
	}
	return g
}

func (g *group) stop() {
	g.cancel()
	g.done.Wait()
}

// isReady: database, leases and lag.
func (a *App) isReady(ctx context.Context) error {
	if !a.ready.Load() {
		return fault.New(fault.Unavailable, "正在启动、停止，或等待接管")
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := a.Stores.Koi.Ping(ctx); err != nil {
		return err
	}
	lag, err := a.lag(ctx)
	if err == nil && lag > lagLimit {
		err = fault.New(fault.Unavailable, "处理落后 %d 秒", int(lag.Seconds()))
	}
	return err
}

// lag is how long the oldest event that is not applied has waited.
func (a *App) lag(ctx context.Context) (time.Duration, error) {
	most := time.Duration(0)
	for _, lane := range []event.Lane{event.Priority, event.Normal} {
		at, err := a.Log.OldestAt(ctx, lane, a.Pipeline.Through(lane))
		if err != nil {
			return 0, err
		}
		if at > 0 {
			most = max(most, time.Duration(clock.Ms(a.Clock.Wall())-at)*time.Millisecond)
		}
	}
	return most, nil
}

// lagLimit is how far the pipeline may be behind before this node says that it is not ready.
const lagLimit = time.Minute

// Reload takes over what may change while Koi runs: the accounts of the file. The rest of the file counts
// from the next start on.
func (a *App) Reload(ctx context.Context, cfg *configs.Config) error {
	if err := a.Accounts.Use(ctx, cfg.Accounts); err != nil {
		return err
	}
	slog.Info("已重新读取配置文件里的账号")
	return nil
}

// Close gives everything back; after Run or a failed Open.
func (a *App) Close() error {
	var errs []error
	if a.listener != nil {
		_ = a.listener.Close() // closed already after Run
	}
	if a.transport != nil {
		a.transport.Close()
	}
	if a.aliyun != nil {
		a.aliyun.Close()
	}
	if a.webhooks != nil {
		a.webhooks.Close()
	}
	if a.Stores != nil {
		errs = append(errs, a.Stores.Close())
	}
	if a.unlock != nil {
		errs = append(errs, a.unlock())
	}
	return errors.Join(errs...)
}

// waitForDir takes the data directory, waiting while another process has it.
func waitForDir(ctx context.Context, dir string) (func() error, error) {
	told := false
	for {
		unlock, err := lease.LockDir(dir)
		if !fault.Is(err, fault.Conflict) {
			return unlock, err
		}
		if !told {
			told = true
			slog.Info("数据目录正被另一个 Koi 进程使用，等待它结束", "data_dir", dir, "pid", os.Getpid())
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// checkKey refuses a secret key other than the one the data was sealed with.
func (a *App) checkKey(ctx context.Context) error {
	want := fmt.Sprintf(`{"fingerprint":%q}`, a.Keys.Fingerprint())
	it, err := a.Settings.Get(ctx, "system", "secret_key")
	if fault.Is(err, fault.NotFound) {
		_, err = a.Settings.Apply(ctx, []setting.Change{{Kind: "system", Key: "secret_key", Body: []byte(want)}}, "system")
		return err
	}
	if err != nil {
		return err
	}
	if string(it.Body) != want {
		return fault.New(fault.Conflict, "secret_key 与数据库里的数据不匹配：请用原来的 secret_key（默认保存在 data_dir/secret.key），否则已加密的手机号和密钥都打不开")
	}
	return nil
}
